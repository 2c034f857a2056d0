"""The PyQt6 application and the `takeover` command. Assembles the other packages; none of them imports this one."""
