"""The command line."""
def main():
    return 0
