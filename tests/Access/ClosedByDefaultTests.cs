using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using AuthMesh.Access;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Access;

/// <summary>A team's service with the one line, with forgotten policies and with additions that would weaken other services.</summary>
public sealed class ClosedByDefaultTests(ProductionMesh mesh) : IAsyncLifetime
{
    private WebApplication app = null!;
    private Caller caller = null!;

    [Theory]
    [InlineData("GET", "/notes")]
    [InlineData("GET", "/notes/admin")]
    [InlineData("GET", "/file")]
    public async Task An_endpoint_without_AllowAnonymous_needs_a_token(string method, string path) =>
        (await caller.SendAsync(new HttpMethod(method), path)).AssertError(401, "missing_token");

    [Fact]
    public async Task An_endpoint_with_AllowAnonymous_needs_no_token() => Assert.Equal("open", (await caller.GetAsync("/open")).Text);

    [Theory]
    [InlineData("POST", "/file", 405, "method_not_allowed")] // routing adds its own endpoint here, which names no policy
    [InlineData("GET", "/elsewhere", 404, "not_found")] // no endpoint at all
    public async Task Middleware_behind_the_authorization_needs_a_token_too(string method, string path, int status, string code)
    {
        var answer = await caller.SendAsync(new HttpMethod(method), path);

        answer.AssertError(status, code);
        Assert.DoesNotContain("a secret", answer.Text, StringComparison.Ordinal);

        var (_, _, token) = await mesh.SignUpAsync();
        Assert.Equal(
            "a secret",
            (await caller.SendAsync(new HttpMethod(method), path, change: request => request.Headers.Authorization = new("Bearer", token)))
            .Text);
    }

    [Fact]
    public async Task A_token_gives_the_caller_its_name_and_role()
    {
        var (name, _, token) = await mesh.SignUpAsync();

        Assert.Equal(name, (await caller.GetAsync("/notes", token)).Text);
        (await caller.GetAsync("/notes/admin", token)).AssertError(403, "forbidden", "Admin access required");
        Assert.Equal("for admins", (await caller.GetAsync("/notes/admin", await mesh.AdminTokenAsync())).Text);
    }

    [Fact]
    public async Task HEAD_works_where_GET_does_and_methods_are_case_sensitive()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var head = await caller.SendAsync(
            HttpMethod.Head, "/notes", change: request => request.Headers.Authorization = new("Bearer", token));
        Assert.Equal((200, "", "text/plain"), (head.Status, head.Text, head.ContentHeaders.ContentType?.MediaType));
        Assert.Equal("HEAD", (await caller.SendAsync(HttpMethod.Head, "/method")).Header("Seen-Method"));
        Assert.Equal(401, (await caller.SendAsync(HttpMethod.Head, "/notes")).Status);
        (await caller.SendAsync(new HttpMethod("Propfind"), "/notes")).AssertError(501, "unknown_method");
    }

    [Fact]
    public async Task Compressed_JSON_is_415_with_a_Content_Encoding_and_400_without()
    {
        foreach (var (coding, status, code) in new[] { (null, 400, "invalid_request"), ("gzip", 415, "unsupported_media_type") })
        {
            using var body = new ByteArrayContent([0x1f, 0x8b, 0x08, 0x00]) { Headers = { ContentType = new("application/json") } };
            if (coding is not null)
            {
                body.Headers.ContentEncoding.Add(coding);
            }

            (await caller.SendAsync(HttpMethod.Post, "/numbers", body)).AssertError(status, code);
        }
    }

    [Fact]
    public async Task A_missing_role_is_insufficient_scope_and_another_failed_rule_is_a_plain_403()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var role = await caller.GetAsync("/notes/editor", token);
        role.AssertError(403, "forbidden", "Access denied");
        Assert.Contains("insufficient_scope", role.Header("WWW-Authenticate"), StringComparison.Ordinal);
        var rule = await caller.GetAsync("/notes/never", token);
        rule.AssertError(403, "forbidden", "Access denied");
        Assert.Null(rule.Header("WWW-Authenticate"));
    }

    [Fact]
    public async Task An_exception_is_a_500_in_the_common_shape_without_its_details()
    {
        var (_, _, token) = await mesh.SignUpAsync();

        var answer = await caller.GetAsync("/broken", token);

        answer.AssertError(500, "internal_error");
        Assert.DoesNotContain("on purpose", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("iss", "https://elsewhere.example")]
    [InlineData("aud", "elsewhere")]
    [InlineData("exp", 1000000000)]
    public async Task The_frameworks_own_settings_do_not_loosen_the_validation(string claim, object value)
    {
        var good = mesh.Forge.Sign(mesh.Forge.Header(), Forge.Claims());
        var bad = mesh.Forge.Sign(
            mesh.Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), claim, JsonSerializer.SerializeToNode(value)));

        Assert.Equal("forged", (await caller.GetAsync("/notes", good)).Text);
        (await caller.GetAsync("/notes", bad)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task A_second_scheme_serves_only_the_endpoints_that_name_it()
    {
        (await caller.GetAsync("/notes")).AssertError(401, "missing_token");
        (await caller.GetAsync("/notes/admin")).AssertError(401, "missing_token");
        Assert.Equal("by the other scheme", (await caller.GetAsync("/other")).Text);
    }

    public async ValueTask InitializeAsync()
    {
        // Keeps out the settings of another service in the tests' output folder.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.Configuration["AuthMesh:Issuer"] = ProductionMesh.Issuer;
        builder.Configuration["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey;
        builder.Configuration["AuthMesh:IdentityUrl"] = mesh.Identity.Address.ToString();
        builder.Configuration["AuthMesh:ShutdownGrace"] = "00:00:00";
        // The worst that "dotnet user-jwts" could write: the framework would let it override the mesh's validation.
        builder.Configuration["Authentication:Schemes:Bearer:ValidateIssuer"] = "false";
        builder.Configuration["Authentication:Schemes:Bearer:ValidateAudience"] = "false";
        builder.Configuration["Authentication:Schemes:Bearer:ValidIssuer"] = "https://elsewhere.example";
        builder.AddAuthMesh();
        builder.Services.AddAuthentication("Anybody").AddScheme<AuthenticationSchemeOptions, Anybody>("Anybody", null)
            .AddScheme<AuthenticationSchemeOptions, Nobody>("Nobody", null);
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(0));
        app.Use(
            (context, next) => context.Request.Path.Value is "/file" or "/elsewhere" ? context.Response.WriteAsync("a secret")
            : next(context));
        app.MapGet("/file", () => "never reached");
        app.MapGet("/notes", (ClaimsPrincipal user) => user.Username);
        app.MapGet("/notes/admin", () => "for admins").RequireAuthorization(Policies.Admin);
        app.MapGet("/notes/editor", () => "for editors").RequireAuthorization(policy => policy.RequireRole("editor"));
        app.MapGet("/notes/never", () => "for nobody").RequireAuthorization(policy => policy.RequireAssertion(_ => false));
        app.MapGet("/open", () => "open").AllowAnonymous();
        app.MapGet("/method", (HttpContext context) => context.Response.Headers["Seen-Method"] = context.Request.Method).AllowAnonymous();
        app.MapPost("/numbers", (int[] numbers) => numbers.Length).AllowAnonymous();
        app.MapGet("/other", () => "by the other scheme")
            .RequireAuthorization(policy => policy.AddAuthenticationSchemes("Anybody").RequireAuthenticatedUser());
        app.MapGet("/both", () => "by both")
            .RequireAuthorization(policy => policy.AddAuthenticationSchemes("Bearer", "Nobody").RequireAuthenticatedUser());
        app.MapGet("/broken", string () => throw new InvalidOperationException("on purpose"));
        await app.StartAsync();
        caller = new Caller(new Uri(app.Urls.First()));
        await Patience.UntilAsync(async () => (await caller.GetAsync("/health/ready")).Status == 200);
    }

    [Fact]
    public async Task A_policy_of_two_schemes_gives_the_meshs_refusal()
    {
        (await caller.GetAsync("/both")).AssertError(401, "missing_token");
        Assert.Equal(200, (await caller.GetAsync("/both", (await mesh.SignUpAsync()).Token)).Status);
    }

    public async ValueTask DisposeAsync()
    {
        caller.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
    }

    /// <summary>Signs nobody in. Its challenge sets the status and a header.</summary>
    private sealed class Nobody(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(AuthenticateResult.NoResult());

        protected override Task HandleChallengeAsync(AuthenticationProperties properties)
        {
            Response.Headers.Location = "/signin";
            Response.StatusCode = StatusCodes.Status302Found;
            return Task.CompletedTask;
        }
    }

    /// <summary>Signs everybody in as an admin.</summary>
    private sealed class Anybody(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var identity = new ClaimsIdentity([new Claim("role", "admin"), new Claim(ClaimTypes.Role, "admin")], Scheme.Name);
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
        }
    }
}
