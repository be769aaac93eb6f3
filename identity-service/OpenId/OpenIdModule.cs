using AuthMesh.Errors;
using AuthMesh.Identity.OpenId.BackchannelLogout;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.OpenId;

internal static class OpenIdModule
{
    // A code that was spent stays for a day, so that a second use is noticed. A device code stays for an hour, so that the device learns
    // that it expired.
    private static readonly PruneStatement[] Over =
    [
        Expired("authorization codes", "authorization_codes", "code_hash", "1 day"),
        Expired("unused authorization codes", "authorization_codes", "code_hash", "0", "AND spent_at IS NULL"),
        Expired("authorization requests", "authorization_requests", "id_hash", "0"),
        Expired("device authorizations", "device_authorizations", "device_code_hash", "1 hour"),

        // An hour later, because a replica's clock may be behind PostgreSQL's.
        new(
            "used assertions",
            """
            DELETE FROM used_assertions u USING (
                SELECT application_id, id_hash FROM used_assertions WHERE expires_at < now() - interval '1 hour'
                LIMIT @batch FOR UPDATE SKIP LOCKED) old
            WHERE u.application_id = old.application_id AND u.id_hash = old.id_hash
            """),
    ];

    public static readonly Module Instance = new("OpenId")
    {
        AddServices = services =>
        {
            services.AddSingleton<Clients>().AddSingleton<ClientAssertions>().AddSingleton<ClientAuthentication>()
                .AddSingleton<ReadAuthorizationRequest>().AddSingleton<IdTokens>().AddSingleton<IssueApplicationTokens>()
                .AddSingleton<ClientCredentials>()
                .AddScoped<StoredRequests>().AddScoped<Authorize>().AddScoped<IssueCode>().AddScoped<EndSignIn>()
                .AddScoped<RedeemCode>().AddScoped<RefreshGrant>()
                .AddScoped<DeviceGrant>().AddScoped<DecideDevice>().AddScoped<ListAllowedApplications>().AddScoped<WithdrawApplication>()
                .AddBackchannelLogout();
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

    private static PruneStatement Expired(string rows, string table, string key, string after, string and = "") => new(
        rows,
        $"""
        DELETE FROM {table} WHERE {key} = ANY (ARRAY(
            SELECT {key} FROM {table} WHERE expires_at < now() - interval '{after}' {and} LIMIT @batch FOR UPDATE SKIP LOCKED))
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

        var own = app.MapNoStore().MapForSignIns("/account/applications");
        ListAllowedApplications.Map(own);
        WithdrawApplication.Map(own);
    }
}
