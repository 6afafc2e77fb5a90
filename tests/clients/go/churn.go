package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A churnMember is a member of a churning group, and the name it is told by.
type churnMember struct {
	name, topic string
	classic     bool
	leaving     atomic.Bool
	client      *kgo.Client
}

// churn runs `suite churn GROUP TOPIC BALANCER|consumer`: standard input says who joins (`join NAME [INSTANCE SESSION_TIMEOUT]`)
// and who leaves (`leave NAME`). Everything that befalls a member is a line of standard output, written before it takes
// effect: crates/testkit/tests/churn.
func churn(arguments []string) {
	members := map[string]*churnMember{}
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		words := strings.Fields(commands.Text())
		if words[0] == "leave" {
			members[words[1]].leaving.Store(true)
			continue
		}
		member := &churnMember{name: words[1], topic: arguments[1], classic: arguments[2] != "consumer"}
		members[words[1]] = member
		go member.live(arguments[0], arguments[2], words[2:])
	}
}

// tell writes one line with one write: the file's order is the order in which things happened.
func (m *churnMember) tell(what string) {
	must(os.Stdout.WriteString(m.name + " " + what + "\n"))
}

func (m *churnMember) live(group, balancer string, static []string) {
	defer func() {
		if problem := recover(); problem != nil {
			m.tell(strings.ReplaceAll(fmt.Sprint("failed ", problem), "\n", " "))
		}
	}()
	session := 6 * time.Second
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ClientID(m.name), kgo.ConsumerGroup(group), kgo.ConsumeTopics(m.topic),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.OnPartitionsAssigned(m.assigned), kgo.OnPartitionsRevoked(m.gone("revoked")), kgo.OnPartitionsLost(m.gone("lost")),
	}
	if len(static) == 2 {
		options = append(options, kgo.InstanceID(static[0]))
		session = time.Duration(must(strconv.Atoi(static[1]))) * time.Millisecond
	}
	switch balancer {
	case "range":
		options = append(options, kgo.Balancers(kgo.RangeBalancer()))
	case "cooperative-sticky":
		options = append(options, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	case "consumer":
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	default:
		panic(balancer)
	}
	m.client = must(kgo.NewClient(append(options, kgo.SessionTimeout(session))...))
	for !m.leaving.Load() {
		m.poll()
		m.client.AllowRebalance()
	}
	m.client.CloseAllowingRebalance()
	m.tell("left")
}

func (m *churnMember) poll() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	var read []string
	offsets := map[int32]int64{}
	for _, record := range m.client.PollFetches(ctx).Records() {
		read = append(read, fmt.Sprint(record.Partition, ":", record.Offset))
		offsets[record.Partition] = record.Offset + 1
	}
	if len(read) > 0 {
		m.tell("read " + strings.Join(read, ","))
		m.commit(offsets)
	}
}

func (m *churnMember) commit(offsets map[int32]int64) {
	var list []string
	wanted := map[int32]kgo.EpochOffset{}
	for partition, offset := range offsets {
		list = append(list, fmt.Sprint(partition, ":", offset))
		wanted[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	m.tell("committing " + strings.Join(list, ","))
	var outcome error
	done := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, problem error) {
		outcome = problem
		if problem != nil {
			return
		}
		for _, partition := range answer.Topics[0].Partitions {
			outcome = errors.Join(outcome, kerr.ErrorForCode(partition.ErrorCode))
		}
	}
	m.client.CommitOffsetsSync(context.Background(), map[string]map[int32]kgo.EpochOffset{m.topic: wanted}, done)
	refusals := []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch, kerr.FencedInstanceID}
	switch {
	case outcome == nil:
		m.tell("committed " + strings.Join(list, ","))
	case slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(outcome, refusal) }):
		m.tell("refused " + strings.Join(list, ","))
	default:
		panic(outcome)
	}
}

func numbers(partitions []int32) string {
	var list []string
	for _, partition := range slices.Sorted(slices.Values(partitions)) {
		list = append(list, fmt.Sprint(partition))
	}
	return strings.Join(list, ",")
}

func (m *churnMember) assigned(_ context.Context, client *kgo.Client, topics map[string][]int32) {
	generation := "-"
	if _, number := client.GroupMetadata(); m.classic {
		generation = fmt.Sprint(number)
	}
	m.tell("assigned " + generation + " " + numbers(slices.Concat(slices.Collect(maps.Values(topics))...)))
}

func (m *churnMember) gone(how string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
		m.tell(how + " " + numbers(slices.Concat(slices.Collect(maps.Values(topics))...)))
	}
}
