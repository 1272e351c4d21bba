package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/kafka"
)

const (
	// linger is how long a record waits for others to go with.
	linger = 20 * time.Millisecond
	// buffered is how many records may wait for the brokers. Then Send does.
	buffered = 50_000
	// again is how long after a refusal a record is sent once more.
	again = time.Second
)

// Options are the options of NewProducer.
type Options struct {
	// Brokers are some of the cluster's, host:port. At least one is required.
	Brokers []string
	// Topic is required, and must be there.
	Topic string
	// TLS is the client's side of it; nil means none. SASL nil means none.
	TLS  *tls.Config
	SASL *kafka.SASL
	// Logger takes what an operator should know; nil keeps silent.
	Logger *slog.Logger

	client []kgo.Opt // for tests
}

// A Producer sends batches to a topic, each record at least once: one that is refused
// is sent again until it is not. Repetitions by the client itself are recognised by the
// brokers (an idempotent producer), so that only a record whose Producer is gone can be
// in the topic twice.
type Producer struct {
	client *kgo.Client
	// trouble counts and logs what goes wrong.
	trouble *stream.Gatherer
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	pending atomic.Int64
	works   atomic.Bool
	promise func(*kgo.Record, error) // finish, made once

	mu sync.Mutex
	// refused are to be sent again.
	refused []*kgo.Record
	wake    chan struct{}
	// batches are those not acknowledged; idle is closed, and made anew, when none is.
	batches int
	idle    chan struct{}
}

// NewProducer returns a Producer, which connects when it has something to send. The
// error is that of the options. It needs a Close.
func NewProducer(o Options) (*Producer, error) {
	if o.Topic == "" {
		return nil, errors.New("kafka: a topic is required")
	}
	p := &Producer{
		trouble: stream.NewGatherer(stream.Options{Logger: o.Logger}),
		wake:    make(chan struct{}, 1),
		idle:    make(chan struct{}),
	}
	connection, err := kafka.Connect(p.trouble, o.Brokers, o.TLS, o.SASL)
	if err != nil {
		return nil, err
	}
	options := append(connection,
		kgo.DefaultProduceTopic(o.Topic),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(place)),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(buffered),
		kgo.UnknownTopicRetries(-1), // it may be made yet
	)
	if p.client, err = kgo.NewClient(append(options, o.client...)...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	p.promise = p.finish
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.repeat)
	return p, nil
}

// Send sends the batch, which is the Producer's until acknowledged is called: once, when
// the brokers have all of its records, from a goroutine of the Producer's that it must
// not keep waiting. It never is where the Producer is closed before. Send waits while
// the brokers are slow, or away.
func (p *Producer) Send(b *Batch, acknowledged func()) {
	if b.Len() == 0 {
		acknowledged()
		return
	}
	b.acknowledged = acknowledged
	b.left.Store(int64(b.Len()))
	p.pending.Add(int64(b.Len()))
	p.mu.Lock()
	p.batches++
	p.mu.Unlock()
	records := b.produced()
	for i := range records {
		p.client.Produce(p.ctx, &records[i], p.promise)
	}
}

// finish takes the brokers' word on a record.
func (p *Producer) finish(r *kgo.Record, err error) {
	switch {
	case err == nil:
		p.succeeded()
		p.pending.Add(-1)
		if b := r.Context.(*route).batch; b.left.Add(-1) == 0 {
			b.acknowledged()
			p.done()
		}
	case p.ctx.Err() == nil:
		p.failed(err)
		p.mu.Lock()
		p.refused = append(p.refused, r)
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

func (p *Producer) succeeded() {
	if !p.works.Swap(true) {
		p.trouble.Up()
		p.trouble.Recovered("forward", "records are taken again")
	}
}

func (p *Producer) failed(err error) {
	p.works.Store(false)
	p.trouble.Fail(err)
	advice := "see that the topic exists and that darkshare may write to it"
	if errors.Is(err, kerr.MessageTooLarge) {
		advice = "let the topic take messages of 1 MiB (max.message.bytes)"
	}
	p.trouble.Trouble(stream.ErrorConnection, "forward", "records are refused; trying on", "err", err, "advice", advice)
}

// repeat sends what was refused again.
func (p *Producer) repeat() {
	for {
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			return
		}
		select {
		case <-time.After(again):
		case <-p.ctx.Done():
			return
		}
		p.mu.Lock()
		refused := p.refused
		p.refused = nil
		p.mu.Unlock()
		for _, r := range refused {
			p.client.Produce(p.ctx, r, p.promise)
		}
	}
}

// done says that a batch has been acknowledged.
func (p *Producer) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.batches--; p.batches == 0 {
		close(p.idle)
		p.idle = make(chan struct{})
	}
}

// Wait waits until all batches have been acknowledged, or the Producer is closed, or ctx
// is done, whose error it returns then.
func (p *Producer) Wait(ctx context.Context) error {
	p.mu.Lock()
	idle, batches := p.idle, p.batches
	p.mu.Unlock()
	if batches == 0 {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// Pending returns how many records have been sent and not been acknowledged.
func (p *Producer) Pending() int { return int(p.pending.Load()) }

// Stats returns whether it works, and what went wrong.
func (p *Producer) Stats() *stream.Stats { return p.trouble.Stats() }

// Close gives up what has not been acknowledged, and lets a Send that waits return.
func (p *Producer) Close() {
	p.cancel()
	p.client.Close()
	p.running.Wait()
}
