"""PostgreSQL and Valkey for one machine without servers: started under the data directory, ended with their owner."""
