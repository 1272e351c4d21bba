package main

import (
	"errors"
	"reflect"
	"slices"

	"github.com/darkshare/darkshare/exporter/config"
)

// errEnding refuses a reload that comes too late.
var errEnding = errors.New("darkshare is ending")

// reload reads the configuration again. Inputs go on, or are stopped where they
// are and go on from there where they read other files now. A configuration with a
// mistake changes nothing.
func (s *server) reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return errEnding
	}
	c, err := s.load()
	if err != nil {
		return err
	}
	// What can fail comes first.
	inputs, err := compile(c)
	if err != nil {
		return err
	}
	if err := s.engine.Configure(ruleOptions(c)); err != nil {
		return err
	}
	s.level.Set(c.Log.Level)
	if fixed := s.keepFixed(c); len(fixed) > 0 {
		s.log.Warn("some changes take effect at the next start", "sections", fixed)
	}
	s.config = c
	if err := s.change(inputs); err != nil {
		return errEnding
	}
	s.log.Info("configuration reloaded", "inputs", len(c.Inputs), "sites", len(c.Sites))
	return nil
}

// keepFixed keeps what holds from start to end as it is, and returns the names of
// the sections that would have it otherwise.
func (s *server) keepFixed(c *config.Config) (changed []string) {
	keep := func(section string, same bool) {
		if !same {
			changed = append(changed, section)
		}
	}
	old := s.config
	keep("limits", c.Limits == old.Limits)
	keep("visits", c.Visits == old.Visits)
	keep("otlp", c.OTLP == old.OTLP)
	keep("state", c.State == old.State)
	keep("store", reflect.DeepEqual(c.Store, old.Store))
	keep("forward", reflect.DeepEqual(c.Forward, old.Forward))
	keep("log.format", c.Log.Format == old.Log.Format)
	c.Limits, c.Visits, c.OTLP, c.State, c.Log.Format = old.Limits, old.Visits, old.OTLP, old.State, old.Log.Format
	c.Forward, c.Store = old.Forward, old.Store
	return changed
}

// change makes the running inputs those of the configuration. The error is that
// the server ends.
func (s *server) change(inputs []input) error {
	for name, src := range s.sources {
		if !slices.ContainsFunc(inputs, func(in input) bool { return in.Name == name }) {
			if err := s.halt(src); err != nil {
				return err
			}
			s.engine.Forget(src.number)
			s.log.Info("input ended", "input", name)
		}
	}
	for _, in := range inputs {
		src := s.sources[in.Name]
		switch {
		case src == nil:
			s.start(in)
		case !src.in.readsAs(in):
			if err := s.halt(src); err != nil {
				return err
			}
			s.start(in)
		case !reflect.DeepEqual(src.in.Input, in.Input):
			// A stream that is stopped may lose a line, so the source goes on.
			if err := s.engine.Barrier(s.ctx); err != nil {
				return err
			}
			s.engine.SetInput(src.number, in.engine)
			src.in = in
		}
	}
	return nil
}
