"""Weight files: wrappers, prefixes, damage, and weights of another network."""

import pytest
import torch
from safetensors.torch import save_file

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.modules import class_count, fit_state, read_state


def small(classes=3):
    torch.manual_seed(0)
    layers = [torch.nn.Flatten(), torch.nn.Linear(4, 5), torch.nn.Linear(5, classes)]
    return torch.nn.Sequential(*layers)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model."])
def test_wrappers_and_prefixes_are_taken_off(tmp_path, wrapper, prefix):
    state = small().state_dict()
    content = {prefix + name: value for name, value in state.items()}
    torch.save({wrapper: content, "epoch": 3} if wrapper else content, tmp_path / "w.pth")
    read = read_state(tmp_path / "w.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], value) for name, value in state.items())


def test_safetensors(tmp_path):
    state = small().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    assert torch.equal(read_state(tmp_path / "w.safetensors")["1.weight"], state["1.weight"])


def test_a_pickled_module_is_not_run(tmp_path):
    torch.save(small(), tmp_path / "w.pth")
    said = r"not a plain file of weights.*torch\.save\(model\.state_dict\(\)"
    with pytest.raises(InputError, match=said):
        read_state(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half an archive"])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_damaged_files(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    said = r"w\.(pth|safetensors): (cannot be read as|is not a plain file of) weights"
    with pytest.raises(InputError, match=said):
        read_state(tmp_path / name)


def test_a_cut_file(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_state(path)


def test_other_content(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(InputError, match="holds list, not parameters by name"):
        read_state(tmp_path / "list.pth")
    torch.save({"epoch": 3, "loss": 0.1}, tmp_path / "log.pth")
    with pytest.raises(InputError, match="more than parameters by name: epoch, loss"):
        read_state(tmp_path / "log.pth")


def test_fit_is_all_or_nothing():
    module, state = small(), small().state_dict()
    state["2.bias"] = torch.tensor([7.0, 8.0, 9.0])
    fit_state(module, state, "spec")
    assert module[2].bias.tolist() == [7.0, 8.0, 9.0]
    unknown = {("9.bias" if n == "1.bias" else n): v for n, v in state.items()}
    said = r"another architecture: 1 parameters missing: 1\.bias, 1 unknown: 9\.bias"
    with pytest.raises(SettingsError, match=said):
        fit_state(module, unknown, "spec")


def test_another_number_of_classes_is_said_and_read_off():
    assert class_count(small, small(7).state_dict()) == 7
    assert class_count(lambda count: small(), small(7).state_dict()) is None
    with pytest.raises(SettingsError, match=r"2\.weight is \(7, 5\) in the file, \(3, 5\)"):
        fit_state(small(), small(7).state_dict(), "spec")
