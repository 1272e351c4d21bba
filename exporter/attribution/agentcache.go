package attribution

// An agentCache remembers what user agents are. It serves one goroutine.
type agentCache struct {
	table *agentTable
	known *cache[traits]
	// unknown stands for an agent that the cache does not have.
	unknown traits
}

// newCache returns a cache of at most limit agents, but at least a handful.
func (t *agentTable) newCache(limit int) *agentCache {
	return &agentCache{table: t, known: newCache[traits](limit)}
}

// lookup returns what the user agent is, which is valid until the next call, and
// its hash.
func (c *agentCache) lookup(ua []byte) (*traits, uint64) {
	hash := cacheHash(ua)
	if found := c.known.get(hash); found != nil {
		return found, hash
	}
	c.unknown = c.table.classify(ua).traits
	c.known.put(hash, &c.unknown)
	return &c.unknown, hash
}
