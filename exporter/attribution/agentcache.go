package attribution

// An agentCache remembers what user agents are. It serves one goroutine.
type agentCache struct {
	table *agentTable
	known *cache[traits]
}

// newCache returns a cache of at most limit agents, but at least a handful.
func (t *agentTable) newCache(limit int) *agentCache {
	return &agentCache{table: t, known: newCache[traits](limit)}
}

// lookup returns what the user agent is, whose hash that is.
func (c *agentCache) lookup(ua []byte, hash uint64) traits {
	if found := c.known.get(hash); found != nil {
		return *found
	}
	found := c.table.classify(ua).traits
	c.known.put(hash, &found)
	return found
}
