using System.Diagnostics;
using System.Globalization;
using AuthMesh.Bench.Comparison;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Pages;

/// <summary>Measures the time until the first byte of a page arrives: one person, through the gateway, once everything is warm.</summary>
internal static class FirstByte
{
    private static readonly TimeSpan LongestRound = TimeSpan.FromSeconds(4);

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(InProduction.Options, cancellation);
        var cookie = (await SignedInUsers.CreateAsync(mesh.Gateway.Address, 1)).Cookies[0];
        using var browser = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false, AllowAutoRedirect = false });
        browser.BaseAddress = mesh.Gateway.Address;

        string[] pages = ["/signin", "/me/security"];
        var times = pages.ToDictionary(page => page, _ => new List<double>());
        var ratios = pages.ToDictionary(page => page, _ => new List<double>());
        foreach (var page in pages)
        {
            await TakeTurnAsync(page, plan.WarmUp);
        }

        for (var round = 0; round < plan.Rounds; round++)
        {
            foreach (var page in pages)
            {
                var taken = await TakeTurnAsync(page, plan.IsSmoke ? TimeSpan.FromSeconds(1) : LongestRound);
                times[page].AddRange(taken);
                ratios[page].Add(Percentile(taken, 0.99) / Targets.FirstByte.Value);
            }
        }

        return
        [
            .. pages.Select(page => new Row($"first byte of {page} (p99)", $"{Targets.FirstByte}", ratios[page], Targets.FirstByte.Reach)
            {
                Figures = string.Create(
                    CultureInfo.InvariantCulture,
                    $"p50 {Percentile(times[page], 0.5):0.0} ms, p99 {Percentile(times[page], 0.99):0.0} ms, {times[page].Count} requests"),
            }),
        ];

        async Task<List<double>> TakeTurnAsync(string page, TimeSpan time)
        {
            var (taken, turn) = (new List<double>(), Stopwatch.StartNew());
            do
            {
                var start = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get, page);
                if (page != "/signin") // which leads on those who are signed in
                {
                    request.Headers.Add("Cookie", cookie);
                }

                using var answer = await browser.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
                await using var body = await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(cancellation);
                await body.ReadExactlyAsync(new byte[1], cancellation);
                taken.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                await body.CopyToAsync(Stream.Null, cancellation);
            }
            while (turn.Elapsed < time);
            return taken;
        }
    }

    private static double Percentile(List<double> values, double share) => values.Order().ElementAt((int)(values.Count * share));
}
