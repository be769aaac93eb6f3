using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Observability;

/// <summary>Traces from end to end, as a receiver of OTLP shows them that is not ours.</summary>
[Collection<OnObservedMesh>]
public sealed class TraceReceiverTests(ObservedMesh mesh)
{
    private const int Server = 2, Client = 3; // the kinds of OTLP
    private const string CallersSpan = "b7ad6b7169203331";

    [Fact]
    public async Task A_clients_trace_goes_through_the_gateway_to_the_service_with_one_trace_id()
    {
        var traceId = NewTraceId();
        Assert.Equal(200, (await SendAsync("/protected", traceId, mesh.UserToken)).Status);

        var spans = await mesh.Receiver.UntilReceivedAsync(
            traceId, spans => spans.Any(span => IsServer(span, "resource-service")) && spans.Any(span => IsServer(span, "gateway")));

        var gateway = Assert.Single(spans, span => IsServer(span, "gateway") && span.Parent == CallersSpan); // the proxy adds one below
        Assert.Equal("GET /protected", gateway.Name);
        var service = Assert.Single(spans, span => IsServer(span, "resource-service"));
        AssertBelow(spans, service, gateway);
        Assert.Contains(spans, span => span.Service == "gateway" && span.Kind == Client && span.Id == service.Parent);
        Assert.Equal("GET /protected", service.Name);
    }

    [Fact]
    public async Task The_trace_of_a_browsers_request_includes_the_exchange_of_its_cookie_and_the_statement_in_the_database()
    {
        // Another cookie of the same user, which the gateway has not exchanged yet.
        var browser = new Browser(mesh.Gateway) { DeviceCookie = mesh.Browser.DeviceCookie };
        Assert.Equal(200, (await browser.PostAsync("/login", new { username = mesh.Username, password = mesh.Password })).Status);
        var traceId = NewTraceId();
        Assert.Equal(200, (await SendAsync("/protected", traceId, token: null, browser.Cookie)).Status);

        var spans = await mesh.Receiver.UntilReceivedAsync(
            traceId,
            spans => spans.Any(IsStatement) && spans.Any(span => IsServer(span, "identity-service"))
                && spans.Any(span => IsServer(span, "resource-service")) && spans.Any(span => IsServer(span, "gateway")));

        var gateway = Assert.Single(spans, span => IsServer(span, "gateway") && span.Parent == CallersSpan);
        var identity = Assert.Single(spans, span => IsServer(span, "identity-service"));
        AssertBelow(spans, identity, gateway);
        AssertBelow(spans, spans.First(IsStatement), identity);
        AssertBelow(spans, Assert.Single(spans, span => IsServer(span, "resource-service")), gateway);

        static bool IsStatement(ReceivedSpan span) => span.Service == "identity-service" && span.Kind == Client;
    }

    [Fact]
    public async Task The_log_entry_of_an_error_arrives_with_the_trace_id_of_the_answer()
    {
        var refused = await SendAsync("/protected", NewTraceId(), "junk");

        refused.AssertError(401, "invalid_token");
        Assert.Equal("gateway", await mesh.Receiver.UntilLoggedAsync(refused.Member("traceId")!, "Answered"));
    }

    [Theory]
    [InlineData("/reset?token=SECRET")]
    [InlineData("/protected?access_token=SECRET")]
    [InlineData("/nothing-here?SECRET=SECRET")]
    public async Task No_span_holds_a_secret_of_the_query(string path)
    {
        var (traceId, secret) = (NewTraceId(), $"s{Guid.NewGuid():N}");
        var sent = path.Replace("SECRET", secret, StringComparison.Ordinal);
        await SendAsync(sent, traceId, mesh.UserToken);

        var spans = await mesh.Receiver.UntilReceivedAsync(traceId, spans => spans.Any(span => IsServer(span, "gateway")));

        Assert.All(spans, span => Assert.DoesNotContain($"={secret}", span.Json.GetRawText(), StringComparison.Ordinal));
    }

    private static string NewTraceId() => Guid.NewGuid().ToString("N");

    private static bool IsServer(ReceivedSpan span, string service) => span.Service == service && span.Kind == Server;

    /// <summary>Follows the parents from one span to the other.</summary>
    private static void AssertBelow(IReadOnlyList<ReceivedSpan> spans, ReceivedSpan span, ReceivedSpan ancestor)
    {
        for (var at = span; at.Id != ancestor.Id;)
        {
            at = Assert.Single(spans, other => other.Id == at.Parent);
        }
    }

    private Task<Answer> SendAsync(string path, string traceId, string? token, string? cookie = null) =>
        mesh.Gateway.SendAsync(HttpMethod.Get, path, change: request =>
        {
            request.Headers.Add("traceparent", $"00-{traceId}-{CallersSpan}-01");
            if (token is not null)
            {
                request.Headers.Authorization = new("Bearer", token);
            }

            if (cookie is not null)
            {
                request.Headers.Add("Cookie", cookie);
            }
        });
}
