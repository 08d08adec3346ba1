"""What a transaction of apt or dpkg must not do. These rules are asked by the gate, with what is about to happen."""
