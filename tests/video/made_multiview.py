"""An HEVC stream that declares a second view: an ordinary stream whose video parameter set is written anew.

The extension says what stereo recordings of phones say: two layers, of which the second is a view that depends
on the first (ITU-T H.265, F.7.3.2.1). The stream holds the pictures of the base layer alone.
"""

import re

VPS = 32
LEVEL = 0b01011101


class _Bits:
    """Bits written one after the other."""

    def __init__(self, text=""):
        self.text = text

    def put(self, value, count=1):
        self.text += f"{value:0{count}b}"

    def ue(self, value):
        code = f"{value + 1:b}"
        self.text += "0" * (len(code) - 1) + code

    def align(self, bit):
        self.text += bit * (-len(self.text) % 8)

    def payload(self):
        self.text += "1"
        self.align("0")
        return int(self.text, 2).to_bytes(len(self.text) // 8, "big")


def with_second_view(stream, width, height):
    """An Annex B stream of 8-bit 4:2:0 without sub-layers, its VPS extended for a second view."""
    units = re.split(b"\x00\x00\x00?\x01", stream)[1:]
    assert any(unit[0] >> 1 == VPS for unit in units)
    made = [_extended(unit, width, height) if unit[0] >> 1 == VPS else unit for unit in units]
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in made)


def _extended(unit, width, height):
    payload = unit[2:].replace(b"\x00\x00\x03", b"\x00\x00")
    old = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    place = 4 + 2 + 6 + 3 + 1 + 16 + 96 + 1
    for _ in range(3):  # the sizes of the picture buffer
        zeros = old.index("1", place) - place
        place += 2 * zeros + 1
    bits = _Bits(old[:6] + f"{1:06b}" + old[12:place])  # vps_max_layers_minus1
    bits.put(1, 6)  # vps_max_layer_id
    bits.ue(1)  # vps_num_layer_sets_minus1
    bits.put(0b11, 2)  # layer_id_included_flag
    bits.put(0)  # vps_timing_info_present_flag
    bits.put(1)  # vps_extension_flag
    bits.align("1")
    _extension(bits, width, height)
    return unit[:2] + re.sub(b"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", bits.payload())


def _extension(bits, width, height):
    bits.put(LEVEL, 8)
    bits.put(0)  # splitting_flag
    bits.put(0x4000, 16)  # scalability_mask_flag: views
    bits.put(0, 3)  # dimension_id_len_minus1
    bits.put(0)  # vps_nuh_layer_id_present_flag
    bits.put(1)  # dimension_id
    bits.put(1, 4)  # view_id_len
    bits.put(0b01, 2)  # view_id_val
    bits.put(1)  # direct_dependency_flag
    bits.put(0)  # vps_sub_layers_max_minus1_present_flag
    bits.put(0)  # max_tid_ref_present_flag
    bits.put(1)  # default_ref_layers_active_flag
    bits.ue(1)  # vps_num_profile_tier_level_minus1
    bits.ue(0)  # num_add_olss
    bits.put(0, 2)  # default_output_layer_idc
    bits.put(0b11, 2)  # profile_tier_level_idx
    bits.ue(0)  # vps_num_rep_formats_minus1
    bits.put(width, 16)
    bits.put(height, 16)
    bits.put(1)  # chroma_and_bit_depth_vps_present_flag
    bits.put(1, 2)  # 4:2:0
    bits.put(0, 8)  # 8 bits
    bits.put(0)  # conformance_window_vps_flag
    bits.put(1)  # max_one_active_ref_layer_flag
    bits.put(0)  # vps_poc_lsb_aligned_flag
    bits.put(0)  # sub_layer_flag_info_present_flag
    for value in (4, 4, 2, 0):  # sizes of the picture buffers, reordering, latency
        bits.ue(value)
    bits.ue(0)  # direct_dep_type_len_minus2
    bits.put(1)  # direct_dependency_all_layers_flag
    bits.put(2, 2)
    bits.ue(0)  # vps_non_vui_extension_length
    bits.put(0)  # vps_vui_present_flag
