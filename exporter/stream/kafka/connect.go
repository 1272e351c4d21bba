package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/darkshare/darkshare/exporter/stream"
)

// Connect returns the options of a client that reaches the brokers, of which at least
// one is required, and tells the gatherer of all trouble on the way there. No TLS or
// login is nil. The error is that of the arguments.
func Connect(g *stream.Gatherer, brokers []string, secure *tls.Config, login *SASL) ([]kgo.Opt, error) {
	return connect(&broker{g: g, sasl: login != nil}, brokers, secure, login)
}

func connect(b *broker, brokers []string, secure *tls.Config, login *SASL) ([]kgo.Opt, error) {
	if len(brokers) == 0 {
		return nil, errors.New("kafka: a broker is required")
	}
	options := []kgo.Opt{kgo.ClientID("darkshare"), kgo.SeedBrokers(brokers...), kgo.WithHooks(b)}
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if login != nil {
		m, err := login.mechanism()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(m))
	}
	return options, nil
}

// SASL is how the client tells the brokers who it is.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, in any case.
	Mechanism, Username string
	// Password is asked for at every connection, so that it may change.
	Password func() (string, error)
}

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	name := strings.ToUpper(s.Mechanism)
	switch {
	case name != "PLAIN" && name != "SCRAM-SHA-256" && name != "SCRAM-SHA-512":
		return nil, fmt.Errorf("kafka: the SASL mechanism is %q: it must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
	case s.Username == "" || s.Password == nil:
		return nil, errors.New("kafka: SASL takes a user name and a password")
	case name == "PLAIN":
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			p, err := s.Password()
			return plain.Auth{User: s.Username, Pass: p}, err
		}), nil
	}
	auth := func(context.Context) (scram.Auth, error) {
		p, err := s.Password()
		return scram.Auth{User: s.Username, Pass: p}, err
	}
	if name == "SCRAM-SHA-256" {
		return scram.Sha256(auth), nil
	}
	return scram.Sha512(auth), nil
}
