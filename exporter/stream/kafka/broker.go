package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkshare/darkshare/exporter/stream"
)

// silence is how long no broker has to have answered for the input to be down: a
// cluster goes on when it loses one.
const silence = 5 * time.Second

// A broker watches the client's dealings with the brokers, of which it otherwise
// says nothing: it tries on for ever.
type broker struct {
	g    *stream.Gatherer
	sasl bool

	mu       sync.Mutex
	answered time.Time // when a broker last did
	outside  error     // why this consumer is not in the group
	down     bool
}

var (
	_ kgo.HookBrokerConnect    = (*broker)(nil)
	_ kgo.HookBrokerE2E        = (*broker)(nil)
	_ kgo.HookGroupManageError = (*broker)(nil)
)

// OnBrokerConnect hears of connections that cannot be made.
func (b *broker) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		return
	}
	address := net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
	reason, advice := stream.ErrorConnection, "see that the broker runs and can be reached from here"
	switch {
	case ofTLS(err):
		reason, advice = stream.ErrorTLS, "the broker and darkshare need each other's CA, and darkshare perhaps a certificate of its own"
	case b.sasl && (errors.Is(err, io.EOF) || errors.Is(err, kerr.SaslAuthenticationFailed) ||
		errors.Is(err, kerr.UnsupportedSaslMechanism) || errors.Is(err, kerr.IllegalSaslState)):
		advice = "see that the SASL mechanism, user name and password are those of the broker"
	case errors.Is(err, io.EOF):
		advice = "the broker may want TLS or SASL"
	}
	b.g.Trouble(reason, "kafka connect "+address, "cannot connect to the broker; trying on", "broker", address, "err", err, "advice", advice)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.down && time.Since(b.answered) > silence {
		b.down = true
		b.g.Fail(fmt.Errorf("no broker answers: %s: %w", address, err))
	}
}

// ofTLS reports whether the error is one of TLS, of either side.
func ofTLS(err error) bool {
	var (
		record       tls.RecordHeaderError
		verification *tls.CertificateVerificationError
		alert        *net.OpError
	)
	return errors.As(err, &record) || errors.As(err, &verification) ||
		errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error") // of crypto/tls
}

// OnBrokerE2E hears of every request and its answer.
func (b *broker) OnBrokerE2E(meta kgo.BrokerMetadata, _ int16, e kgo.BrokerE2E) {
	if e.Err() != nil {
		return
	}
	b.mu.Lock()
	b.answered = time.Now()
	was := b.down
	b.down = false
	outside := b.outside
	b.mu.Unlock()
	if was && outside == nil {
		b.g.Up()
	}
	if was {
		address := net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
		b.g.Recovered("kafka connect "+address, "the broker answers again", "broker", address)
	}
}

// OnGroupManageError hears why this consumer has fallen out of its group.
func (b *broker) OnGroupManageError(err error) {
	b.mu.Lock()
	b.outside = err
	b.mu.Unlock()
	b.g.Fail(fmt.Errorf("the consumer group: %w", err))
	b.g.Trouble(stream.ErrorConnection, "kafka group", "the consumer group does not work; trying on", "err", err)
}

// joined says that this consumer is in its group.
func (b *broker) joined() {
	b.mu.Lock()
	b.outside = nil
	b.mu.Unlock()
	b.g.Up()
	b.g.Recovered("kafka group", "the consumer group works again")
}

func (b *broker) fetchFailed(topic string, partition int32, err error) {
	b.g.Trouble(stream.ErrorConnection, "kafka fetch", "records cannot be read; trying on", "topic", topic, "partition", partition, "err", err,
		"advice", "see that the topic exists and that darkshare may read it")
}

// missing says that there is nothing to be had.
func (b *broker) missing(topic string, err error) {
	b.mu.Lock()
	b.outside = err
	b.mu.Unlock()
	b.g.Fail(fmt.Errorf("topic %s: %w", topic, err))
	b.g.Trouble(stream.ErrorConnection, "kafka group", "the topic cannot be read; trying on", "topic", topic, "err", err,
		"advice", "create the topic, and let darkshare read it")
}
