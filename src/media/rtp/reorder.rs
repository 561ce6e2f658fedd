//! Puts packets of one stream into sequence order and says which are lost for good.
