package main

import (
	"reflect"
	"sort"

	"github.com/darkshare/darkshare/exporter/config"
)

// reload reads the configuration again. Inputs that are the same go on; changed
// ones are stopped where they are and go on from there. A configuration with a
// mistake changes nothing.
func (s *server) reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.flags.load()
	if err != nil {
		return err
	}
	// What can fail comes first.
	sites := make([]int, 0, len(s.sources))
	for _, in := range c.Inputs {
		if _, err := pipelineInput(c, in); err != nil {
			return err
		}
	}
	for _, src := range s.byNumber() {
		pin, err := pipelineInput(c, src.in)
		if err != nil {
			return err
		}
		for len(sites) < src.number {
			sites = append(sites, -1)
		}
		sites = append(sites, pin.Site)
	}
	if err := s.engine.Configure(ruleOptions(c), sites); err != nil {
		return err
	}
	if !reflect.DeepEqual(c.Limits, s.config.Limits) || c.Visits != s.config.Visits {
		s.log.Warn("limits and visits take effect at the next start")
		c.Limits, c.Visits = s.config.Limits, s.config.Visits
	}
	s.config = c
	s.change(c.Inputs)
	s.log.Info("configuration reloaded", "inputs", len(c.Inputs), "sites", len(c.Sites))
	return nil
}

// change makes the running inputs those of the configuration.
func (s *server) change(inputs []config.Input) {
	wanted := map[string]config.Input{}
	for _, in := range inputs {
		wanted[in.Name] = in
	}
	for name, src := range s.sources {
		if _, ok := wanted[name]; !ok {
			s.halt(src)
			s.log.Info("input ended", "input", name)
		}
	}
	for _, in := range inputs {
		src := s.sources[in.Name]
		switch {
		case src == nil:
			if err := s.start(in); err != nil {
				s.log.Error("the input cannot be started", "input", in.Name, "err", err)
			}
		case !reflect.DeepEqual(src.in, in):
			pin, err := pipelineInput(s.config, in)
			if err != nil {
				s.log.Error("the input goes on as it was", "input", in.Name, "err", err)
				continue
			}
			resume := s.halt(src)
			s.engine.SetInput(src.number, pin)
			s.launch(src.number, in, resume)
		}
	}
}

// byNumber returns the running inputs in the order of their numbers.
func (s *server) byNumber() []*source {
	all := make([]*source, 0, len(s.sources))
	for _, src := range s.sources {
		all = append(all, src)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].number < all[j].number })
	return all
}
