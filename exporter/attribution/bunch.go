package attribution

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// Bunch is how many requests can be classified at once.
const Bunch = 16

// ClassifyAll classifies as many requests as there are verdicts, at most Bunch. It
// says what Classify says of one after the other, in less time: what is known of their
// agents and paths is far apart in memory, and here is fetched for all at once.
func (c *Classifier) ClassifyAll(reqs []accesslog.Request, site int, vs []Verdict) {
	bunch := c.bunch[:len(vs)]
	for i := range bunch {
		bunch[i].begin(&reqs[i])
	}
	for i := range bunch {
		c.fetched += c.agents.known.fetch(bunch[i].by)
	}
	for i := range bunch {
		bunch[i].split(c, &reqs[i])
	}
	for i := range bunch {
		c.fetched += c.paths.fetch(bunch[i].hash)
	}
	for i := range bunch {
		c.answer(&bunch[i], &reqs[i], site, &vs[i])
	}
}

// A prepared request has its strings cut and hashed, each once.
type prepared struct {
	target    []byte // without scheme and authority
	authority []byte
	path      []byte // of the target; nothing for bots, as the query
	query     []byte
	by, hash  uint64 // the hashes of the user agent and of the path
	agent     traits
	valid     bool // the target is a path
}

func (p *prepared) begin(req *accesslog.Request) {
	*p = prepared{by: cacheHash(req.UserAgent)}
}

// split finds out what the agent is, and takes the target apart.
func (p *prepared) split(c *Classifier, req *accesslog.Request) {
	p.agent = c.agents.lookup(req.UserAgent, p.by)
	p.target, p.authority = req.Target, req.Host
	switch target := p.target; {
	case len(target) > 0 && target[0] == '/':
		p.valid = true
	case len(target) > 8 && (hasPrefixFold(target, "http://") || hasPrefixFold(target, "https://")):
		_, target, _ = bytes.Cut(target, []byte("//"))
		i := bytes.IndexAny(target, "/?#")
		if i < 0 {
			i = len(target)
		}
		p.authority, p.target = target[:i], target[i:]
		p.valid = i > 0
	case len(target) == 1 && target[0] == '*':
		p.valid = true
	}
	if p.agent.class != classBot {
		p.path, p.query = splitTarget(p.target)
		p.hash = cacheHash(p.path)
	}
}
