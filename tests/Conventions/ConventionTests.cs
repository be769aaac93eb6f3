using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Identity;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.Conventions;

/// <summary>House rules that are easy to forget.</summary>
public sealed class ConventionTests
{
    [Fact]
    public void Exactly_these_identity_endpoints_are_anonymous() => Assert.Equal(
        [
            "GET /.well-known/jwks.json", "GET /.well-known/oauth-authorization-server", "GET /.well-known/openid-configuration",
            "GET /docs/favicon.svg", "GET /docs/scalar.aspnetcore.js", "GET /docs/scalar.js", "GET /docs/{documentName?}",
            "GET /openapi/identity.json", "GET /userinfo", "POST /device_authorization",
            "POST /email/disown", "POST /email/verify", "POST /email/verify/show", "POST /introspect",
            "POST /keys/report", "POST /login",
            "POST /login/passkey", "POST /login/passkey/options", "POST /login/recovery-code", "POST /login/totp", "POST /logout",
            "POST /par", "POST /password/forgot", "POST /password/reset", "POST /password/reset/show", "POST /refresh", "POST /register",
            "POST /revoke", "POST /token", "POST /userinfo",
        ],
        IdentityEndpoints().Where(IsAnonymous).Where(endpoint => !IsPage(endpoint)).Select(Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_identity_endpoint_says_who_may_call_it() =>
        Assert.All(IdentityEndpoints(), endpoint => Assert.True(
            IsAnonymous(endpoint) || endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null
            || endpoint.Metadata.GetMetadata<AuthorizationPolicy>() is not null, Name(endpoint)));

    [Theory]
    [InlineData("anonymous", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
        "/device_authorization", "/docs/{file?}",
        "/email/disown", "/email/verify", "/email/verify/show", "/introspect", "/keys/report", "/login", "/login/passkey",
        "/login/passkey/options",
        "/login/recovery-code", "/login/totp", "/logout", "/openapi/identity.json", "/openapi/resource.json",
        "/par", "/password/forgot", "/password/reset", "/password/reset/show",
        "/refresh", "/register", "/revoke", "/token", "/userinfo")]
    [InlineData("signed-in", "/account", "/account/applications", "/account/applications/{id}", "/account/email",
        "/account/keys", "/account/keys/{id}", "/account/passkeys",
        "/account/passkeys/assertion-options",
        "/account/passkeys/options", "/account/passkeys/{id}", "/account/password", "/account/reauthenticate", "/account/recovery-codes",
        "/account/sessions", "/account/sessions/{id}", "/account/totp", "/account/totp/confirm", "/account/trusted-devices",
        "/account/two-step", "/events", "/live", "/protected")]
    [InlineData("admin", "/admin", "/applications", "/applications/{id}", "/applications/{id}/secrets",
        "/applications/{id}/secrets/{secretId}", "/users", "/users/{id}", "/users/{id}/password-reset", "/users/{id}/second-factor",
        "/users/{id}/sessions")]
    [InlineData("scope:account.read", "/account", "/account/keys")]
    [InlineData("admin-or-scope:users.read", "/users", "/users/{id}")]
    [InlineData("application:stock.read", "/stock")]
    public void Exactly_these_gateway_routes_have_the_policy(string policy, params string[] paths) => Assert.Equal(
        paths, ApiRoutes().Where(route => Text(route, "AuthorizationPolicy") == policy).Select(PathOf).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_gateway_route_names_its_policy_methods_body_limit_and_timeout() =>
        Assert.All(GatewayRoutes(), route =>
        {
            Assert.Contains(Text(route, "AuthorizationPolicy"), new[]
            {
                "anonymous", "signed-in", "admin", "scope:account.read", "admin-or-scope:users.read", "application:stock.read",
            });
            Assert.NotEmpty(route.GetProperty("Match").GetProperty("Methods").EnumerateArray());
            Assert.DoesNotContain("{*", PathOf(route), StringComparison.Ordinal); // no catch-all
            if (IsStreaming(route))
            {
                return; // the gateway sets the rest, and refuses anything else
            }

            Assert.InRange(route.GetProperty("MaxRequestBodySize").GetInt64(), 0, 16 * 1024);
            Assert.InRange(
                TimeSpan.Parse(Text(route, "Timeout")!, CultureInfo.InvariantCulture), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        });

    [Theory]
    [InlineData("sign-in", "/email/disown", "/email/verify", "/email/verify/show", "/forgot", "/invitation", "/login", "/login/passkey",
        "/login/passkey/options", "/login/recovery-code", "/login/totp", "/password/forgot", "/password/reset", "/password/reset/show",
        "/register", "/reset", "/signin", "/signin/second-factor", "/signup", "/verify-email")]
    [InlineData("none")]
    public void Exactly_these_routes_count_their_requests_in_the_class(string name, params string[] paths) => Assert.Equal(
        paths.Order(StringComparer.Ordinal),
        GatewayRoutes().Where(route => RateClassOf(route) == name).Select(PathOf).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_other_route_counts_by_session_if_its_callers_have_one() => Assert.All(
        GatewayRoutes().Where(route => RateClassOf(route) != "sign-in"),
        route => Assert.Equal(Text(route, "AuthorizationPolicy") == "anonymous" ? "anonymous" : "signed-in", RateClassOf(route)));

    [Fact]
    public void Exactly_these_routes_stay_open() =>
        Assert.Equal(["/events", "/live"], RoutesWith("Streaming").Order(StringComparer.Ordinal));

    [Fact]
    public void Exactly_these_anonymous_routes_read_the_session_cookie() => Assert.Equal(
        ["/email/verify", "/email/verify/show", "/logout"], RoutesWith("SessionCookie").Order(StringComparer.Ordinal));

    [Fact]
    public void Exactly_these_routes_receive_cookies_of_the_mesh() => Assert.Equal(
        ["/login", "/login/passkey", "/login/passkey/options", "/password/reset"],
        RoutesWith("Cookies").Order(StringComparer.Ordinal));

    [Fact]
    public void Only_the_identity_cluster_receives_the_service_key() => Assert.Equal(
        ["identity"],
        GatewaySettings("Clusters").Where(cluster => cluster.Value.TryGetProperty("Metadata", out _)).Select(cluster => cluster.Name));

    // A part of another response, the common part of two requests, and what is a request of another kind.
    private static readonly Type[] NoBodies =
    [
        typeof(JwkResponse), typeof(ApplicationSettingsRequest), typeof(MailRequest), typeof(AuthorizationRequest), typeof(StoredRequest),
        typeof(TakenRequest), typeof(SignOutRequest), typeof(ReadAuthorizationRequest),
    ];

    [Fact]
    public void Every_request_and_response_is_a_public_sealed_record_in_the_JSON_context()
    {
        var known = typeof(IdentityJson).GetCustomAttributesData()
            .Where(attribute => attribute.AttributeType == typeof(JsonSerializableAttribute))
            .Select(attribute => (Type)attribute.ConstructorArguments[0].Value!)
            .OrderBy(type => type.Name).ToList();
        // Found by name. A body that the context does not know is a 500 when it is first answered.
        var bodies = typeof(IdentityJson).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Request", StringComparison.Ordinal)
                || type.Name.EndsWith("Response", StringComparison.Ordinal))
            .Where(type => !NoBodies.Contains(type))
            .OrderBy(type => type.Name).ToList();

        Assert.Equal(bodies, known);
        Assert.All(known, type => Assert.True(type.IsPublic && type.IsSealed && type.GetMethod("<Clone>$") is not null, type.Name));
    }

    [Fact]
    public void Entities_have_no_public_setter_or_constructor()
    {
        using var db = new DesignTimeDb().CreateDbContext([]);
        var entities = db.Model.GetEntityTypes().Select(entity => entity.ClrType)
            .Where(type => type.GetMethod("<Clone>$") is null).ToList(); // a record does not change
        Assert.NotEmpty(entities);

        Assert.All(
            entities.SelectMany(entity => entity.GetProperties()),
            property => Assert.False(property.SetMethod?.IsPublic ?? false, property.Name));
        Assert.All(entities, entity => Assert.Empty(entity.GetConstructors(BindingFlags.Instance | BindingFlags.Public)));
    }

    internal static IReadOnlyList<RouteEndpoint> IdentityEndpoints()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddModules();
        var app = builder.Build();
        app.MapModules();
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()];
    }

    private static List<JsonElement> GatewayRoutes() => [.. GatewaySettings("Routes").Select(route => route.Value)];

    // PageRouteTests pins the pages.
    private static IEnumerable<JsonElement> ApiRoutes() => GatewaySettings("Routes")
        .Where(route => !route.Name.StartsWith("page-", StringComparison.Ordinal)).Select(route => route.Value);

    private static bool IsPage(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<PageMarker>() is not null;

    private static string? RateClassOf(JsonElement route) => Text(route.GetProperty("Metadata"), "RateLimit");

    private static bool IsStreaming(JsonElement route) =>
        route.TryGetProperty("Metadata", out var metadata) && metadata.TryGetProperty("Streaming", out _);

    private static IEnumerable<string> RoutesWith(string metadata) => ApiRoutes()
        .Where(route => route.TryGetProperty("Metadata", out var all) && all.TryGetProperty(metadata, out _)).Select(PathOf);

    private static JsonElement.ObjectEnumerator GatewaySettings(string section) =>
        JsonElement.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "gateway.appsettings.json")))
            .GetProperty("ReverseProxy").GetProperty(section).EnumerateObject();

    private static bool IsAnonymous(Endpoint endpoint) => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;

    internal static string Name(RouteEndpoint endpoint) =>
        string.Join(',', endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []) + " " + endpoint.RoutePattern.RawText;

    private static string? Text(JsonElement members, string name) => members.GetProperty(name).GetString();

    private static string PathOf(JsonElement route) => route.GetProperty("Match").GetProperty("Path").GetString()!;
}
