"""Where packets come from: capture files, streams and memory, all giving PacketBlock."""
