using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;

namespace AuthMesh.Identity.OpenId;

internal static class OpenIdModule
{
    // A code that was spent stays for a day, so that a second use is noticed. A device code stays for an hour, so that the device learns
    // that it expired.
    private static readonly PruneStatement[] Over =
    [
        Expired("authorization codes", "authorization_codes", "code_hash", "1 day"),
        Expired("authorization requests", "authorization_requests", "id_hash", "0"),
        Expired("device authorizations", "device_authorizations", "device_code_hash", "1 hour"),
    ];

    public static readonly Module Instance = new("OpenId")
    {
        AddServices = services =>
        {
            services.AddSingleton<Clients>().AddSingleton<ClientAuthentication>().AddSingleton<ReadAuthorizationRequest>()
                .AddSingleton<IdTokens>().AddSingleton<IssueApplicationTokens>()
                .AddScoped<StoredRequests>().AddScoped<Authorize>().AddScoped<IssueCode>().AddScoped<EndSignIn>()
                .AddScoped<ClientCredentials>().AddScoped<RedeemCode>().AddScoped<RefreshGrant>()
                .AddScoped<DeviceGrant>().AddScoped<DecideDevice>();
            foreach (var statement in Over)
            {
                services.AddSingleton(statement);
            }
        },
        MapEntities = model => model
            .ApplyConfiguration(new AuthorizationCodeMapping())
            .ApplyConfiguration(new StoredRequestMapping())
            .ApplyConfiguration(new ConsentMapping())
            .ApplyConfiguration(new DeviceAuthorizationMapping())
            .ApplyConfiguration(new UsedAssertionMapping())
            .ApplyConfiguration(new LogoutDeliveryMapping()),
        MapEndpoints = MapEndpoints,
    };

    private static PruneStatement Expired(string rows, string table, string key, string after) => new(
        rows,
        $"""
        DELETE FROM {table} WHERE {key} = ANY (ARRAY(
            SELECT {key} FROM {table} WHERE expires_at < now() - interval '{after}' LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        Discovery.Map(app);
        var protocol = app.MapNoStore().WithMetadata(OAuthErrors.Protocol);
        TokenEndpoint.Map(protocol);
        PushedRequests.Map(protocol);
        AuthorizeDevice.Map(protocol);
        RevokeToken.Map(protocol);
        IntrospectToken.Map(protocol);
        UserInfo.Map(protocol);
    }
}
