"""What more than one test needs: builders, servers, parsers, checks of layers and of exports."""
