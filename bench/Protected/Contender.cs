using System.Net;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;

namespace AuthMesh.Bench.Protected;

/// <summary>One way to get an answer, with the processor time that each of its processes takes.</summary>
/// <param name="origin">The origin to call.</param>
/// <param name="credentials">The header and the file with its values, one per line; null sends none.</param>
/// <param name="isGuarded">Whether it must refuse callers without credentials.</param>
/// <param name="processes">The processes that serve it.</param>
internal sealed class Contender(
    Uri origin, (string Header, string File)? credentials, bool isGuarded, (string Name, int ProcessId)[] processes)
{
    private readonly Uri url = new(origin, "/protected");
    private readonly List<double> perSecond = [], milliseconds = [];
    private readonly List<double[]> cpuPerRequest = [];

    /// <summary>How many requests are in progress at once.</summary>
    public int Connections { get; init; } = Wrk.Connections;

    /// <summary>Warms all contenders up. Then, in each round, all take a turn, and each round starts with another one.</summary>
    public static async Task TakeTurnsAsync(IReadOnlyList<Contender> contenders, Plan plan, CancellationToken cancellation)
    {
        foreach (var contender in contenders)
        {
            await contender.ProveItselfAsync(cancellation);
            if (plan.WarmUp > TimeSpan.Zero)
            {
                await contender.RunAsync(plan.WarmUp);
            }
        }

        for (var round = 0; round < plan.Rounds; round++)
        {
            for (var turn = 0; turn < contenders.Count; turn++)
            {
                cancellation.ThrowIfCancellationRequested();
                await contenders[(round + turn) % contenders.Count].TakeTurnAsync(plan.Turn);
            }
        }
    }

    public Row Against(Contender other, string measure, string against, Reach reach) =>
        new(measure, against, [.. perSecond.Zip(other.perSecond, (ours, theirs) => ours / theirs)],
            reach)
        { Figures = $"{this} | {other}" };

    /// <summary>Compares the median time of a request instead of the requests per second.</summary>
    public Row DelayAgainst(Contender other, string measure, string against, Reach reach) =>
        new(measure, against, [.. milliseconds.Zip(other.milliseconds, (ours, theirs) => ours / theirs)], reach)
        {
            Figures = FormattableString.Invariant($"{Row.Median(milliseconds):0.00} ms, {this} | ")
                + FormattableString.Invariant($"{Row.Median(other.milliseconds):0.00} ms, {other}"),
        };

    public override string ToString()
    {
        var cpu = processes.Select(
            (process, i) =>
            FormattableString.Invariant($"{process.Name} {Row.Median(cpuPerRequest.Select(round => round[i])) * 10_000:0.00}"));
        return FormattableString.Invariant($"{Row.Median(perSecond):0}/s; CPU s per 10,000: {string.Join(", ", cpu)}");
    }

    private async Task TakeTurnAsync(TimeSpan time)
    {
        var before = processes.Select(process => CpuTime.Of(process.ProcessId)).ToList();
        var load = await RunAsync(time);
        perSecond.Add(load.PerSecond);
        milliseconds.Add(load.P50);
        cpuPerRequest.Add([.. processes.Select((process, i) => (CpuTime.Of(process.ProcessId) - before[i]) / load.Requests)]);
    }

    // A fast contender with a wrong answer, or without its guard, would prove nothing.
    private async Task ProveItselfAsync(CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false });
        using var stranger = await http.GetAsync(url, cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (credentials is var (header, file))
        {
            request.Headers.TryAddWithoutValidation(header, File.ReadLines(file).First());
        }

        using var answer = await http.SendAsync(request, cancellation);
        var body = await answer.Content.ReadAsStringAsync(cancellation);
        if (stranger.StatusCode == HttpStatusCode.Unauthorized != isGuarded
            || !body.Contains("You are viewing protected content", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(
                $"{url} answers {stranger.StatusCode} without credentials, and {answer.StatusCode} with them: {body}");
        }
    }

    private Task<Load> RunAsync(TimeSpan time) => Wrk.RunAsync(url, time, credentials, Connections);
}
