"""The connector engine, and every connector's every tool, against a server that replays what products answer."""
