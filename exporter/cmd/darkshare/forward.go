package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/forward"
	"github.com/darkshare/darkshare/exporter/pipeline"
)

// forwardPatience is how long, at the end, Kafka may take to acknowledge what was read.
// With the inputs' own it is less than the ten seconds that Docker gives.
const forwardPatience = 4 * time.Second

// forwarding returns where records go, nil where they are counted here.
func forwarding(c config.Forward, log *slog.Logger) (*pipeline.Forward, error) {
	if c.Kafka == nil {
		return nil, nil
	}
	fail := func(err error) (*pipeline.Forward, error) { return nil, fmt.Errorf("forward: %w", err) }
	secret, err := forward.ReadSecret(c.SecretFile)
	if err != nil {
		return fail(err)
	}
	secure, err := clientTLS(c.Kafka.TLS)
	if err != nil {
		return fail(err)
	}
	producer, err := forward.NewProducer(forward.Options{
		Brokers: c.Kafka.Brokers, Topic: c.Kafka.Topic, TLS: secure, SASL: login(c.Kafka.SASL), Logger: log,
	})
	if err != nil {
		return fail(err)
	}
	return &pipeline.Forward{Producer: producer, Secret: secret}, nil
}
