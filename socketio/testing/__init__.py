"""What tests of applications and of plugins need: clients without a network, contract suites.

* `socketio.testing.memory`: clients that talk to a server in the same process
* `socketio.testing.contracts`: suites that a plugin's tests subclass
"""
