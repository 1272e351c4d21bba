package otlplogs

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/darkshare/darkshare/exporter/stream/internal/rpc"
)

// export answers a call of LogsService.Export.
func (r *Receiver) export(work context.Context, call *rpc.Call) error {
	if !r.requests.Take() {
		r.refuse(errBusy)
		return again(errBusy)
	}
	defer r.requests.Leave()
	if err := call.ReceiveWithin(r.slow); err != nil {
		return err
	}
	defer call.Done()
	answer, err := r.take(call.Context(), work, call.Frame.Data)
	switch {
	case errors.Is(err, errMalformed):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, errEnding):
		return status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return again(err)
	}
	return call.Reply(answer)
}

// again tells a sender when to try again. Without a RetryInfo it would take
// RESOURCE_EXHAUSTED for a reason to give up
// (https://opentelemetry.io/docs/specs/otlp/#failures).
func again(err error) error {
	s, e := status.New(codes.ResourceExhausted, err.Error()).
		WithDetails(protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}))
	if e != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return s.Err()
}
