"""How optical flow is judged: scenes with truth, and one file per published protocol."""
