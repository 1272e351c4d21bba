package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkshare/darkshare/exporter/stream"
)

// commit commits what has been counted since the last time. What fails is
// committed the next time.
func (r *Receiver) commit(ctx context.Context, client *kgo.Client) {
	r.committing.Lock()
	defer r.committing.Unlock()
	offsets := r.partitions.uncommitted()
	if len(offsets) == 0 {
		return
	}
	if r.o.BeforeCommit != nil {
		if err := r.o.BeforeCommit(ctx); err != nil {
			r.commitFailed(ctx, fmt.Errorf("the state cannot be saved: %w", err))
			return
		}
	}
	client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			r.commitFailed(ctx, err)
			return
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if err = kerr.ErrorForCode(p.ErrorCode); err != nil {
					r.commitFailed(ctx, err)
					delete(offsets[t.Topic], p.Partition)
				}
			}
		}
		r.partitions.committed(offsets)
		if err == nil {
			r.gatherer.Recovered("kafka commit", "offsets can be committed again")
		}
	})
}

func (r *Receiver) commitFailed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		r.gatherer.Trouble(stream.ErrorConnection, "kafka commit", "offsets cannot be committed; trying on", "err", err,
			"advice", "what is counted in the meantime would be counted again after a restart")
	}
}
