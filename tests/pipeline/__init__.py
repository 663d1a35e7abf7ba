"""The data plane's own machinery, without any transport; time is virtual, so that nothing waits."""
