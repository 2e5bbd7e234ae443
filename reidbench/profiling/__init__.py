"""What a network costs: parameters, multiply-accumulates, latency, throughput, memory; by module and over time."""
