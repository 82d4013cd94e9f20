"""``python -m carleman_ssm`` is the command line."""

from carleman_ssm.report.cli import main

if __name__ == "__main__":
    main()
