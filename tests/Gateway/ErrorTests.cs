using System.Globalization;
using System.Net.Http.Headers;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

[Collection<OnDevelopmentMesh>]
public sealed class ErrorTests(ProductionMesh mesh, DevelopmentMesh development)
{
    [Fact]
    public async Task A_cluster_without_a_running_service_gets_503_with_Retry_After()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var answer = await mesh.Gateway.GetAsync("/nobody", token);

        answer.AssertError(503, "service_unavailable");
        Assert.Equal("1", answer.Header("Retry-After"));
        (await mesh.Gateway.GetAsync("/nobody")).AssertError(401, "missing_token");
    }

    [Fact]
    public async Task A_service_that_exceeds_the_routes_timeout_gets_503_with_Retry_After()
    {
        var answer = await mesh.Gateway.GetAsync("/slow");

        answer.AssertError(503, "service_unavailable");
        Assert.Equal("1", answer.Header("Retry-After"));
    }

    [Theory]
    [InlineData("POST", "/login", "{}", 400, "invalid_request", "Bad Request")]
    [InlineData("GET", "/protected", null, 401, "missing_token", "Unauthorized")]
    [InlineData("GET", "/nothing", null, 404, "not_found", "Not Found")]
    [InlineData("GET", "/login", null, 405, "method_not_allowed", "Method Not Allowed")]
    public async Task A_caller_that_accepts_problem_json_gets_the_same_error_as_RFC_9457_defines(
        string method, string path, string? body, int status, string code, string title)
    {
        foreach (var accept in new[] { "application/problem+json", "text/html, application/problem+json;q=0.5" })
        {
            var content = body is null ? null : new StringContent(body, new MediaTypeHeaderValue("application/json"));
            var answer = await mesh.Gateway.SendAsync(
                new HttpMethod(method), path, content, request => request.Headers.TryAddWithoutValidation("Accept", accept));

            Assert.Equal(status, answer.Status);
            Assert.Equal("application/problem+json", answer.ContentHeaders.ContentType?.MediaType);
            Assert.Equal("about:blank", answer.Member("type"));
            Assert.Equal(title, answer.Member("title"));
            Assert.Equal(status.ToString(CultureInfo.InvariantCulture), answer.Member("status"));
            Assert.Equal(code, answer.Code);
            Assert.False(string.IsNullOrEmpty(answer.Member("detail")));
            Assert.Matches("^[0-9a-f]{32}$", answer.Member("traceId"));
            Assert.Equal(body is not null, answer.Json.TryGetProperty("errors", out _));
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("*/*")]
    [InlineData("application/problem+json;q=0")]
    [InlineData("not a media type")]
    public async Task Other_callers_get_the_plain_error_shape(string accept)
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, "/protected", change: request => request.Headers.TryAddWithoutValidation("Accept", accept));

        answer.AssertError(401, "missing_token");
    }

    [Theory]
    [InlineData("/nothing", 404, "There is nothing at this path")]
    [InlineData("/protected", 401, "Missing or invalid token")]
    [InlineData("/login", 405, "This path does not support the method; see the Allow header")]
    public async Task A_person_who_opens_an_address_in_a_browser_gets_a_page(string path, int status, string text)
    {
        // As Chromium and Firefox send it.
        const string Accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, path, change: request => request.Headers.TryAddWithoutValidation("Accept", Accept));

        Assert.Equal(status, answer.Status);
        Assert.Equal("text/html; charset=utf-8", answer.ContentHeaders.ContentType?.ToString());
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", answer.Header("Content-Security-Policy"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Contains($"<p>{text}</p>", answer.Text, StringComparison.Ordinal);
        Assert.Matches("Trace id: [0-9a-f]{32}<", answer.Text);
        Assert.DoesNotContain("<ul>", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_shows_text_of_the_caller_as_text()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/login",
            new StringContent("""{"<img src=x onerror=alert(1)>":"</ul><script>"}""", new MediaTypeHeaderValue("application/json")),
            request => request.Headers.TryAddWithoutValidation("Accept", "text/html"));

        Assert.Equal(400, answer.Status);
        Assert.Contains("<li>&lt;img src=x onerror=alert(1)&gt;: ", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/html;q=0.8, application/json")]
    [InlineData("application/json, text/html")]
    [InlineData("text/html;q=0, */*")]
    [InlineData("text/html;q=0.1, */*;q=0.2")]
    [InlineData("text/plain")]
    public async Task A_caller_that_prefers_JSON_gets_no_page(string accept)
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, "/protected", change: request => request.Headers.TryAddWithoutValidation("Accept", accept));

        answer.AssertError(401, "missing_token");
    }

    [Fact]
    public async Task An_error_carries_the_trace_id_that_the_caller_sent()
    {
        const string TraceId = "0af7651916cd43dd8448eb211c80319c";

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/login", new StringContent("{}", new MediaTypeHeaderValue("application/json")),
            request => request.Headers.TryAddWithoutValidation("traceparent", $"00-{TraceId}-b7ad6b7169203331-01"));

        Assert.Equal(TraceId, answer.Member("traceId"));
    }

    [Fact]
    public async Task A_malformed_body_is_400_and_logs_no_stack_trace()
    {
        var written = mesh.Mesh.Gateway.Output.Length;

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"invalid_request\"", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", mesh.Mesh.Gateway.Output[written..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_on_a_route_without_one_is_refused()
    {
        var answer = await mesh.Gateway.SendAsync(HttpMethod.Get, "/.well-known/jwks.json", new StringContent("a body"));

        answer.AssertError(413, "body_too_large");
    }

    [Fact]
    public async Task A_route_without_a_limit_accepts_a_body_of_any_size()
    {
        await using var lone = new LoneGateway(new() { ["ReverseProxy:Routes:echo:MaxRequestBodySize"] = "-1" });
        await lone.InitializeAsync();

        foreach (var isChunked in (bool[])[false, true])
        {
            foreach (var length in (int[])[0, 1, 100_000])
            {
                var answer = await lone.Caller.SendAsync(
                    HttpMethod.Post, "/echo/upload", new ByteArrayContent(new byte[length]),
                    request => request.Headers.TransferEncodingChunked = isChunked);

                Assert.Equal(200, answer.Status);
            }
        }
    }

    [Fact]
    public async Task Development_shows_the_same_errors_as_Production()
    {
        using var gateway = new Caller(development.Mesh.Gateway);
        using var identity = new Caller(development.Mesh.Identity);

        foreach (var caller in new[] { gateway, identity })
        {
            (await caller.PostRawAsync("/login", "{")).AssertError(400, "invalid_request", "The request body is not valid JSON");
            (await caller.PostRawAsync("/login", """{"username":"abc","password":1}"""))
                .AssertError(400, "invalid_request", fields: "password");
            (await caller.PostRawAsync("/login", "{}", "text/plain")).AssertError(415, "unsupported_media_type");
            (await caller.PostRawAsync("/login", new string('x', 40_000))).AssertError(413, "body_too_large");
            (await caller.GetAsync("/login")).AssertError(405, "method_not_allowed");
            (await caller.GetAsync("/nothing")).AssertError(404, "not_found");
        }

        Assert.Equal(200, (await gateway.LoginAsync("alice", "password123")).Status);

        // An unhandled exception: the table refuses every row.
        var database = new Database(development.Mesh.ConnectionString);
        await database.ExecuteAsync("ALTER TABLE sessions ADD CONSTRAINT ck_refuse CHECK (false) NOT VALID");
        try
        {
            var answer = await gateway.LoginAsync("alice", "password123");
            answer.AssertError(500, "internal_error");
            Assert.DoesNotContain("ck_refuse", answer.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("Npgsql", answer.Text, StringComparison.Ordinal);
        }
        finally
        {
            await database.ExecuteAsync("ALTER TABLE sessions DROP CONSTRAINT ck_refuse");
        }

        await development.Mesh.Identity.UntilLoggedAsync("23514"); // the log names the database error
    }
}
