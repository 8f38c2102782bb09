"""What a browser or another program reaches over HTTP; needs leadline[web]."""
