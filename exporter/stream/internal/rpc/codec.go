package rpc

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// keep is the largest buffer that a Frame holds on to between messages.
const keep = 256 << 10

// A Frame is a message as it came. Its memory is used again for the next one.
type Frame struct{ Data []byte }

// codec reads messages into Frames and leaves it to the receiver to take them
// apart.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		return fmt.Errorf("rpc: a message into a %T", v)
	}
	n := data.Len()
	if cap(f.Data) < n || cap(f.Data) > keep {
		f.Data = make([]byte, n)
	}
	f.Data = f.Data[:n]
	data.CopyTo(f.Data)
	return nil
}

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("rpc: a message of a %T", v)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}
