"""The causes of the account, one file each."""
