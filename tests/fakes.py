"""Stand-ins at the ports. Rows are always real; only the world outside is played."""

from tests.scripted_endpoint import Call as Call
from tests.scripted_endpoint import Reply as Reply
from tests.scripted_endpoint import ScriptedEndpoint as ScriptedEndpoint
