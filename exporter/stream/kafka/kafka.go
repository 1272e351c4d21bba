// Package kafka reads records from a Kafka topic as one of a consumer group, so
// that the streams of many proxies meet: partitioned by visitor, all requests of a
// visitor come to the same consumer.
//
// An offset is committed only after the records before it have been counted, so a
// consumer that is killed loses nothing. What it had counted and not committed is
// counted again: at most what comes in a CommitEvery. With the positions kept in a
// file together with the counters (Positions, Options.Resume and BeforeCommit) not
// even that is.
package kafka

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkshare/darkshare/exporter/stream"
)

// The defaults of Options.
const (
	DefaultGroup       = "darkshare"
	DefaultCommitEvery = time.Second
)

const (
	// batch is how many records are taken from the client at a time. A rebalance
	// waits for them.
	batch = 2000
	// The client holds at most fetches times fetchBytes.
	fetches    = 2
	fetchBytes = 8 << 20
	// patience is how long, at the end and before a partition is given away, records
	// that were handed on may take to be counted; it is less than a rebalance may
	// last, 60 s by default.
	patience = 5 * time.Second
	// lookEvery is how often a consumer without partitions looks whether there is a
	// topic at all.
	lookEvery = 2 * time.Second
)

// Options are the options of New.
type Options struct {
	stream.Options
	// Brokers are some of the cluster's, host:port. At least one is required.
	Brokers []string
	// Topic is required.
	Topic string
	// Group is the consumer group; "" means DefaultGroup. Receivers of the same group
	// share the partitions.
	Group string
	// Instance, where it is set, is this consumer's name in the group, for as long
	// as the session lasts even while it is restarted: then its partitions wait for
	// it. No two at a time may have the same.
	Instance string
	// StartAt is where to begin where the group has committed nothing.
	StartAt stream.Start
	// TLS is the client's side of it; nil means none. SASL nil means none.
	TLS  *tls.Config
	SASL *SASL
	// CommitEvery is how often offsets are committed; 0 means DefaultCommitEvery.
	CommitEvery time.Duration
	// Resume are the Positions of a former run, from a file that was saved together
	// with its counters. Where the group has committed more, another consumer has
	// gone on from there, and that holds: so BeforeCommit is needed with it.
	Resume []stream.Position
	// BeforeCommit, where it is set, is called before offsets are committed, to save
	// Positions and the counters; when it fails nothing is committed. So what has
	// been committed is always in the file.
	BeforeCommit func(context.Context) error

	client []kgo.Opt // for tests
}

// A Receiver is a stream.Source.
type Receiver struct {
	o          Options
	gatherer   *stream.Gatherer
	options    []kgo.Opt
	partitions *partitions
	broker     broker
	committing sync.Mutex
}

// New returns a Receiver, which connects when it runs. The error is that of the
// options.
func New(o Options) (*Receiver, error) {
	if o.Topic == "" {
		return nil, errors.New("kafka: a topic is required")
	}
	o.Group = cmp.Or(o.Group, DefaultGroup)
	o.CommitEvery = cmp.Or(o.CommitEvery, DefaultCommitEvery)
	start := kgo.NewOffset().AtStart()
	if o.StartAt == stream.StartAtEnd {
		start = kgo.NewOffset().AtEnd()
	}
	g := stream.NewGatherer(o.Options)
	r := &Receiver{o: o, gatherer: g, broker: broker{g: g, sasl: o.SASL != nil}, partitions: newPartitions(o.Resume)}
	connection, err := connect(&r.broker, o.Brokers, o.TLS, o.SASL)
	if err != nil {
		return nil, err
	}
	r.options = slices.Concat(connection, []kgo.Opt{
		kgo.ConsumeTopics(o.Topic),
		kgo.ConsumerGroup(o.Group),
		kgo.ConsumeStartOffset(start),
		// A position that is no longer there: what is left of the topic is counted.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.MaxConcurrentFetches(fetches),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.AdjustFetchOffsetsFn(r.partitions.resume),
		kgo.OnPartitionsAssigned(r.assigned),
		kgo.OnPartitionsRevoked(r.revoked),
		kgo.OnPartitionsLost(r.lost),
	}, o.client)
	if o.Instance != "" {
		r.options = append(r.options, kgo.InstanceID(o.Instance))
	}
	if err := kgo.ValidateOpts(r.options...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return r, nil
}

// Stats returns the input's counters.
func (r *Receiver) Stats() *stream.Stats { return r.gatherer.Stats() }

// Positions returns up to where the records of each partition have been counted that the
// receiver has, has had, or is to resume. Their Path is the topic and the partition, as in
// "access-logs/3", their Offset that of the first record that was not counted, and
// their Fingerprint the leader's epoch.
func (r *Receiver) Positions() []stream.Position { return r.partitions.positions() }

// Run reads until ctx is done. Then it waits until what it has read is counted,
// commits that, leaves the group, and returns ctx's error.
func (r *Receiver) Run(ctx context.Context, out chan<- *stream.Block) error {
	client, err := kgo.NewClient(r.options...)
	if err != nil {
		r.gatherer.Fail(err)
		return err
	}
	gathering, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var others sync.WaitGroup
	others.Go(func() { _ = r.gatherer.Run(gathering, out) })
	others.Go(func() { r.commitAll(ctx, client) })

	for ctx.Err() == nil {
		r.poll(ctx, gathering, client)
		client.AllowRebalance()
	}
	// Leaving the group revokes the partitions: they are waited for and committed
	// there.
	client.CloseAllowingRebalance()
	stop()
	others.Wait()
	return ctx.Err()
}

// poll takes a batch of records and hands them on.
func (r *Receiver) poll(ctx, gathering context.Context, client *kgo.Client) {
	fetched := client.PollRecords(ctx, batch)
	fetched.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			r.broker.fetchFailed(topic, partition, err)
		}
	})
	fetched.EachPartition(func(p kgo.FetchTopicPartition) {
		state := r.partitions.get(p.Topic, p.Partition)
		if state == nil || len(p.Records) == 0 {
			return
		}
		added := 0
		for ; added < len(p.Records); added++ {
			if r.add(ctx, gathering, state.name, p.Records[added].Value) != nil {
				break // the end: the rest is for whoever comes next
			}
		}
		if added == 0 {
			return
		}
		last := p.Records[added-1]
		next := kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
		state.read(next)
		r.gatherer.Mark(func() { state.count(next) })
	})
}

// add hands on the lines of a record, all or none. They are named by their partition:
// within one they are in order, and partitions may be read at different speeds.
func (r *Receiver) add(ctx, gathering context.Context, name string, value []byte) error {
	value = bytes.TrimSuffix(value, []byte("\n"))
	for {
		line, rest, more := bytes.Cut(value, []byte("\n"))
		if err := r.gatherer.Add(ctx, name, line); err != nil || !more {
			return err
		}
		value, ctx = rest, gathering
	}
}

// assigned takes new partitions.
func (r *Receiver) assigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	r.partitions.assign(topics)
	r.broker.joined()
}

// revoked gives partitions away, or all at the end: as soon as what was read of
// them is counted and committed.
func (r *Receiver) revoked(ctx context.Context, client *kgo.Client, topics map[string][]int32) {
	if !r.partitions.wait(topics, patience) {
		r.gatherer.Trouble(stream.ErrorTimeout, "kafka revoked",
			"partitions were given away before all that was read of them was counted: that will be counted twice", "topics", topics)
	}
	// The client may be ending, and its context with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r.commit(ctx, client)
	r.partitions.forget(topics)
}

// lost forgets partitions that another consumer may have already.
func (r *Receiver) lost(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	if n := r.partitions.forget(topics); n > 0 {
		r.gatherer.Trouble(stream.ErrorConnection, "kafka lost",
			"the group has given partitions to another consumer, which counts again what was not committed", "topics", topics, "records", n)
	}
}

// commitAll commits every now and then, and looks why there is nothing to commit.
func (r *Receiver) commitAll(ctx context.Context, client *kgo.Client) {
	commit, look := time.NewTicker(r.o.CommitEvery), time.NewTicker(lookEvery)
	defer commit.Stop()
	defer look.Stop()
	for {
		select {
		case <-commit.C:
			r.commit(ctx, client)
		case <-look.C:
			r.look(ctx, client)
		case <-ctx.Done():
			return
		}
	}
}

// look asks for the topic where the group has given none of its partitions: there
// may be more consumers than partitions, or no topic. The client says neither.
func (r *Receiver) look(ctx context.Context, client *kgo.Client) {
	if !r.partitions.none() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	q := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &r.o.Topic
	q.Topics = append(q.Topics, topic)
	answer, err := q.RequestWith(ctx, client)
	if err != nil {
		return // the connection's trouble is told by its own
	}
	for _, t := range answer.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			r.broker.missing(r.o.Topic, err)
		}
	}
}
