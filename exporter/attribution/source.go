package attribution

import "github.com/darkshare/darkshare/exporter/schema"

// sources is the closed list of sources, filled while the tables are compiled
// and read-only afterwards.
type sources struct {
	names []string
	ids   map[string]Source
}

func newSources() *sources {
	return &sources{names: []string{schema.SourceOther}, ids: map[string]Source{schema.SourceOther: 0}}
}

// intern returns the source of that name, new where the list does not have it yet.
func (s *sources) intern(name string) Source {
	if id, ok := s.ids[name]; ok {
		return id
	}
	id := Source(len(s.names))
	s.names = append(s.names, name)
	s.ids[name] = id
	return id
}
