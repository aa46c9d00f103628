"""What images are built for: Debian suites with their interpreters and signers, and architectures. Pure values.

To support another suite, add its row to ``suites.SUITES`` and the keys of its signers to ``grocker/debian/keys``. To
support another architecture, add its row to ``architectures.ARCHITECTURES``.
"""
