"""classical"""
