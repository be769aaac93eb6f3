using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tokens;

/// <summary>Configures bearer authentication (RFC 6750) and sets every option that the library leaves open.</summary>
internal sealed class AccessTokenAuthentication(AccessTokenHandler handler) : IConfigureNamedOptions<JwtBearerOptions>
{
    private const string Realm = "Bearer realm=\"authmesh\"";

    public void Configure(string? name, JwtBearerOptions bearer)
    {
        if (name != JwtBearerDefaults.AuthenticationScheme)
        {
            return; // a service may have schemes of its own
        }

        // No Authority: with one, the library fetches metadata and then keys, from the address that the metadata names, when a token asks
        // for it.
        bearer.Authority = null;
        bearer.MetadataAddress = null!;
        bearer.Audience = null;
        bearer.MapInboundClaims = false;
        bearer.SaveToken = false;
        bearer.IncludeErrorDetails = false;
        bearer.TokenHandlers.Clear(); // our handler uses none of the library's validation parameters
        bearer.TokenHandlers.Add(handler);
        bearer.Events = NewEvents();
    }

    public void Configure(JwtBearerOptions bearer) => Configure(Options.DefaultName, bearer);

    /// <returns>The first option that differs from ours and would change how a request is judged or answered; null if none does.</returns>
    public string? FindChange(JwtBearerOptions bearer)
    {
        var own = NewEvents();
        return bearer switch
        {
            { EventsType: not null } => nameof(bearer.EventsType),
            { Events: null } => nameof(bearer.Events),
            { Events: var events } when events.GetType() != own.GetType() || events.OnMessageReceived != own.OnMessageReceived
                || events.OnTokenValidated != own.OnTokenValidated || events.OnChallenge != own.OnChallenge
                || events.OnAuthenticationFailed != own.OnAuthenticationFailed || events.OnForbidden != own.OnForbidden =>
                nameof(bearer.Events),
            _ when bearer.TokenHandlers is not [{ } only] || only != handler => nameof(bearer.TokenHandlers),
            { UseSecurityTokenValidators: true } => nameof(bearer.UseSecurityTokenValidators),
            { Authority: not null } => nameof(bearer.Authority),
            { MetadataAddress: not null } => nameof(bearer.MetadataAddress),
            { Configuration: not null } => nameof(bearer.Configuration),
            { ConfigurationManager: not null } => nameof(bearer.ConfigurationManager),
            { SaveToken: true } => nameof(bearer.SaveToken),
            { ForwardDefault: not null } => nameof(bearer.ForwardDefault),
            { ForwardDefaultSelector: not null } => nameof(bearer.ForwardDefaultSelector),
            { ForwardAuthenticate: not null } => nameof(bearer.ForwardAuthenticate),
            { ForwardChallenge: not null } => nameof(bearer.ForwardChallenge),
            { ForwardForbid: not null } => nameof(bearer.ForwardForbid),
            _ => null,
        };
    }

    private JwtBearerEvents NewEvents() => new()
    {
        OnMessageReceived = RefuseDoubledHeader,
        OnTokenValidated = KeepToken,
        OnChallenge = AnswerAsync,
    };

    private static Task RefuseDoubledHeader(MessageReceivedContext context)
    {
        if (context.Request.Headers.Authorization.Count > 1)
        {
            context.Fail(TokenRefusal.Doubled());
        }

        return Task.CompletedTask;
    }

    private Task KeepToken(TokenValidatedContext context)
    {
        var token = (VerifiedToken)context.SecurityToken;
        if (handler.FindAudienceFault(token, context.HttpContext.GetEndpoint()) is { } refusal)
        {
            context.Fail(refusal);
        }
        else
        {
            token.SetFor(context.HttpContext);
        }

        return Task.CompletedTask;
    }

    private static Task AnswerAsync(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var failure = context.AuthenticateFailure switch
        {
            null => TokenRefusal.Missing().Failure,
            TokenRefusal refusal => refusal.Failure,
            _ => TokenRefusal.Invalid("").Failure,
        };
        context.Response.Headers.WWWAuthenticate = failure switch
        {
            { Code: "missing_token" } => Realm, // RFC 6750 §3.1: no error code if the request has no token
            { Status: 400 } => Realm + ", error=\"invalid_request\"",
            _ => default, // the failure may set its own challenge
        };
        return failure.ExecuteAsync(context.HttpContext);
    }
}

internal static class AccessTokenServices
{
    public static void AddAccessTokens(this IServiceCollection services)
    {
        services.AddSingleton<VerifiedTokens>();
        services.AddSingleton<TokenMetrics>();
        services.AddSingleton<WantedAudiences>();
        services.AddSingleton<AccessTokenHandler>();
        services.AddSingleton(provider => new AccessTokenReader(provider.GetRequiredService<AccessTokenHandler>()));
        services.AddSingleton(TokenRefusal.Rule);
        var authentication = services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme);
        var others = services.ToList();
        authentication.AddJwtBearer();
        var own = services.Except(others).ToHashSet();
        // Must follow AddJwtBearer, which would otherwise apply Authentication:Schemes:Bearer last and override every option set above.
        services.AddSingleton<AccessTokenAuthentication>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>>(provider => provider.GetRequiredService<AccessTokenAuthentication>());
        services.AddSingleton<IValidateOptions<JwtBearerOptions>>(
            provider => new BearerOptionsCheck(services.Except(own), provider.GetRequiredService<AccessTokenAuthentication>()));
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).ValidateOnStart();
        services.RemoveDataProtectionStart();
    }
}
