package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/envoyals"
	"github.com/darkshare/darkshare/exporter/stream/kafka"
	"github.com/darkshare/darkshare/exporter/stream/otlplogs"
	"github.com/darkshare/darkshare/exporter/stream/syslog"
)

// A beginning is what a source needs to know beside its configuration.
type beginning struct {
	// resume is where its files or partitions were left, nil where they never were read.
	resume []stream.Position
	// openFiles are open at a time at the most.
	openFiles int
	// save saves what has been counted, and how far: before others are told. It is nil
	// where there is no state file.
	save func(context.Context) error
}

// newSource returns where an input's records come from.
func newSource(in config.Input, o stream.Options, b beginning) (stream.Source, error) {
	start := stream.StartAtEnd
	if in.StartAt == "beginning" {
		start = stream.StartAtBeginning
	}
	switch {
	case in.Stdin:
		return stream.Pipe("-", o), nil
	case len(in.Files) == 1 && stream.IsPipe(in.Files[0]):
		return stream.Pipe(in.Files[0], o), nil
	case len(in.Files) > 0:
		wrapping, err := stream.ParseWrapping(in.Wrapping)
		return stream.Follow(in.Files, stream.FollowOptions{
			Options: o, Resume: b.resume, MaxOpen: b.openFiles, StartAt: start, Wrapping: wrapping,
		}), err
	case in.Syslog != nil:
		c := in.Syslog
		return made(syslog.New(syslog.Options{
			Options: o, Listen: c.Listen, TLS: serverTLS(c.TLS), Connections: c.MaxConnections, Message: c.MaxMessage,
		}))
	case in.EnvoyALS != nil:
		c := in.EnvoyALS
		return made(envoyals.New(envoyals.Options{Options: o, Listen: c.Listen, TLS: serverTLS(c.TLS)}))
	case in.OTLP != nil:
		c := in.OTLP
		return made(otlplogs.New(otlplogs.Options{Options: o, GRPC: c.GRPC, HTTP: c.HTTP, TLS: serverTLS(c.TLS)}))
	case in.Kafka != nil:
		c := in.Kafka
		secure, err := clientTLS(c.TLS)
		if err != nil {
			return nil, err
		}
		return made(kafka.New(kafka.Options{
			Options: o, Brokers: c.Brokers, Topic: c.Topic, Group: c.Group, Instance: c.Instance, StartAt: start,
			TLS: secure, SASL: login(c.SASL), Resume: b.resume, BeforeCommit: b.save,
		}))
	}
	return nil, errors.New("nothing to read")
}

// made is its arguments, without a nil pointer in an interface that is not nil.
func made[S stream.Source](s S, err error) (stream.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// A lateSource is the source of an input that could not be made: a file of it is
// missing, or a name has no address. It tries again until it can; the other inputs
// go on.
type lateSource struct {
	make   func() (stream.Source, error)
	failed *stream.Gatherer // has the counters until then
	source atomic.Pointer[stream.Source]
}

// makeAgain is how often a lateSource tries.
const makeAgain = 2 * time.Second

func newLateSource(o stream.Options, err error, again func() (stream.Source, error)) *lateSource {
	s := &lateSource{make: again, failed: stream.NewGatherer(o)}
	s.fail(err)
	return s
}

func (s *lateSource) fail(err error) {
	s.failed.Fail(err)
	s.failed.Complain("make", "the input cannot be read; trying on", "err", err)
}

// Stats implements stream.Source.
func (s *lateSource) Stats() *stream.Stats {
	if made := s.source.Load(); made != nil {
		return (*made).Stats()
	}
	return s.failed.Stats()
}

// Positions returns those of the source, once it could be made.
func (s *lateSource) Positions() []stream.Position {
	if made := s.source.Load(); made != nil {
		if p, ok := (*made).(interface{ Positions() []stream.Position }); ok {
			return p.Positions()
		}
	}
	return nil
}

// Run implements stream.Source.
func (s *lateSource) Run(ctx context.Context, out chan<- *stream.Block) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(makeAgain):
		}
		made, err := s.make()
		if err == nil {
			s.source.Store(&made)
			s.failed.Recovered("make", "the input can be read")
			return made.Run(ctx, out)
		}
		s.fail(err)
	}
}

// login reads the password at each connection, so that it may be changed.
func login(c *config.SASL) *kafka.SASL {
	if c == nil {
		return nil
	}
	return &kafka.SASL{Mechanism: c.Mechanism, Username: c.Username, Password: func() (string, error) {
		password, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("password: %w", err)
		}
		return string(bytes.TrimSpace(password)), nil
	}}
}

// formatOf returns the definition of an input's lines: as configured, else that of
// receivers which write the lines themselves, else "".
func formatOf(in config.Input) string {
	switch {
	case in.EnvoyALS != nil:
		return cmp.Or(in.Format, envoyals.Format)
	case in.OTLP != nil:
		return cmp.Or(in.Format, otlplogs.Format)
	}
	return in.Format
}

// readsAs reports whether an input takes its lines from where another one does.
func (in input) readsAs(other input) bool {
	where := func(in config.Input) config.Input {
		// What is made of the lines may change.
		in.Name, in.Format, in.Escape, in.JSON, in.Site = "", "", "", nil, ""
		return in
	}
	return reflect.DeepEqual(where(in.Input), where(other.Input))
}
