using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AuthMesh.Identity.Passwords;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Passwords;

/// <summary>A lane with a fake clock and threads that a test can hold, so that it sees the order of the work.</summary>
internal sealed class LaneUnderTest : IDisposable
{
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ConcurrentQueue<string> begun = new();
    private readonly ManualResetEventSlim gate = new(initialState: true);
    private readonly MeterListener listener;

    public LaneUnderTest(int places = 8, int threads = 1)
    {
        var options = new HashingOptions { Threads = threads, QueueLength = places - threads, LongestWait = LongestWait };
        Lane = new HashingLane(
            Options.Create(options), Clock, services.GetRequiredService<IMeterFactory>(), NullLogger<HashingLane>.Instance);
        listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == services.GetRequiredService<IMeterFactory>())
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument, 1, tags)); // counts, not durations
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Counts[Name(instrument, tags)] = value);
        listener.Start();
    }

    public static TimeSpan LongestWait { get; } = TimeSpan.FromSeconds(10);

    public HashingLane Lane { get; }

    public FakeTimeProvider Clock { get; } = new();

    /// <summary>The metrics, by name and tags.</summary>
    public ConcurrentDictionary<string, long> Counts { get; } = new();

    /// <summary>The names of the work that began, in order.</summary>
    public IReadOnlyCollection<string> Begun => begun;

    public long Read(string metric)
    {
        listener.RecordObservableInstruments();
        return Counts.GetValueOrDefault(metric);
    }

    public Task<HashingPlace?> EnterAsync(
        string network, string account = "alice", bool isKnown = false, CancellationTokenSource? leaving = null) =>
        Lane.EnterAsync(new Applicant(network, account, isKnown), leaving?.Token ?? CancellationToken.None);

    /// <summary>Takes a place, which must be free, and waits in it for a hash.</summary>
    public Waiter Wait(string network, string account = "alice", bool isKnown = false, CancellationTokenSource? leaving = null)
    {
        var entering = EnterAsync(network, account, isKnown, leaving);
        Assert.True(entering.IsCompletedSuccessfully);
        return Wait(entering.Result!, $"{network} {account}");
    }

    public Waiter Wait(HashingPlace place, string name) => new(place, place.RunAsync(() =>
    {
        begun.Enqueue(name);
        gate.Wait();
        return name;
    }));

    /// <summary>Occupies each thread with a hash for a separate network and known device.</summary>
    public async Task<List<Waiter>> HoldAsync(int threads = 1)
    {
        gate.Reset();
        var held = Enumerable.Range(0, threads).Select(i => Wait($"held {i}", isKnown: true)).ToList();
        await Harness.Patience.UntilAsync(() => begun.Count == threads);
        begun.Clear();
        return held;
    }

    public void LetGo() => gate.Set();

    public void Dispose()
    {
        gate.Set();
        Lane.Dispose();
        listener.Dispose();
        services.Dispose();
        gate.Dispose();
    }

    private void Add(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        Counts.AddOrUpdate(Name(instrument, tags), value, (_, sum) => sum + value);

    private static string Name(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        string.Join(' ', [instrument.Name["authmesh.".Length..], .. tags.ToArray().Select(tag => $"{tag.Value}")]);
}

/// <summary>A place and the result of its work: a name, or null for a refusal. It leaves after the work, as a request does.</summary>
internal sealed class Waiter
{
    private readonly HashingPlace place;

    public Waiter(HashingPlace place, Task<string?> work)
    {
        this.place = place;
        Result = RunAsync(work);
    }

    public Task<string?> Result { get; }

    private async Task<string?> RunAsync(Task<string?> work)
    {
        using (place)
        {
            return await work;
        }
    }
}
