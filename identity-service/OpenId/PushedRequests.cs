using System.Text.Json.Serialization;
using AuthMesh.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.OpenId;

/// <summary>The answer of RFC 9126 §2.2.</summary>
/// <param name="RequestUri">For the browser, once.</param>
/// <param name="ExpiresInSeconds">How long the browser has.</param>
public sealed record PushedResponse(
    [property: JsonPropertyName("request_uri")] string RequestUri, [property: JsonPropertyName("expires_in")] int ExpiresInSeconds);

/// <summary>Takes authorization requests from the application itself, so that no browser can change them (RFC 9126).</summary>
internal static class PushedRequests
{
    public static void Map(IEndpointRouteBuilder app) => app.MapPost("/par", HandleAsync).AllowAnonymous()
        .ProducesFailure(
            OAuthError.InvalidClient, OAuthError.InvalidScope, OAuthError.InvalidTarget, OAuthError.UnsupportedResponseType,
            OAuthError.RequestNotSupported, OAuthError.RegistrationNotSupported);

    private static async Task<Results<Created<PushedResponse>, Failure>> HandleAsync(
        HttpContext context, ClientAuthentication authentication, ReadAuthorizationRequest readRequest, StoredRequests storedRequests,
        CancellationToken cancellationToken)
    {
        var (parameters, refusal) = await ProtocolParameters.ReadFormAsync(context.Request);
        if (parameters is null)
        {
            return refusal!;
        }

        (var client, refusal) = await authentication.RunAsync(parameters, context.Request, cancellationToken);
        if (client is null)
        {
            return refusal!;
        }

        if (parameters["request_uri"] is not null)
        {
            return CommonFailures.InvalidRequest("request_uri cannot be pushed"); // §2.1
        }

        if (ReadAuthorizationRequest.FindReturn(client, parameters) is not { } leadsBack)
        {
            return CommonFailures.InvalidRequest("redirect_uri is not registered");
        }

        if (readRequest.Run(client, leadsBack, parameters.Without(ClientCredential.Parameters)).Refusal is { } wrong)
        {
            return wrong;
        }

        // Basic and an assertion name the client, too.
        var query = $"client_id={Uri.EscapeDataString(client.ClientId)}&"
            + parameters.ToQuery(["client_id", .. ClientCredential.Parameters]);
        (var requestUri, refusal) = await storedRequests.PushAsync(client, query, isPushed: true, context, cancellationToken);
        return requestUri is null
            ? refusal!
            : TypedResults.Created((string?)null, new PushedResponse(requestUri, (int)StoredRequests.Lifetime.TotalSeconds));
    }
}
