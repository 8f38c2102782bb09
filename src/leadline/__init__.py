"""leadline: learned depth that people can trust, from two cameras or one."""
