"""How an explanation is shown: in the terminal (`terminal.render`) and as one HTML page (`html.write`)."""
