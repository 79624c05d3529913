"""How much the footage itself varies, from pixels alone."""
