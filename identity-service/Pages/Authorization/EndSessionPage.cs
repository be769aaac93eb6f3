using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Entry;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Authorization;

/// <param name="Application">Who asks; null if the request names nobody.</param>
/// <param name="IsSure">Whether the page sends its form by itself.</param>
/// <param name="Fields">The parameters of the request.</param>
public sealed record EndSessionModel(
    Visit Visit, string? Application, bool IsSure, IReadOnlyList<(string Name, string Value)> Fields) : PageModel(Visit, Form.Empty)
{
    public override string Title => "end-session.title";

    public override IReadOnlyList<string> Scripts => IsSure ? ["send.js"] : [];
}

/// <summary>
/// Signs the user out for an application (OpenID Connect RP-Initiated Logout 1.0). An address changes nothing: only this page's own form
/// ends the sign-in, and with it every session that it allowed.
/// </summary>
internal static class EndSessionPage
{
    private const string Path = "/end-session";

    private static readonly string[] Parameters = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, EndAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, EndSignIn endSignIn, CancellationToken cancellationToken)
    {
        if (ProtocolParameters.TryParse(visit.Context.Request.QueryString) is not { Fault: null } parameters)
        {
            return AuthorizePage.Refuse(visit, "authorize.unreadable");
        }

        if (await endSignIn.ReadAsync(parameters, visit.Context.User, cancellationToken) is not { } request)
        {
            return AuthorizePage.Refuse(visit, "authorize.unknown-address");
        }

        if (!request.IsSignedIn)
        {
            return Visit.To(request.LeadsTo ?? SignInPage.Path, request.LeadsTo is null ? "signed-out" : null);
        }

        await visit.FindAccountAsync(cancellationToken); // for its language
        return visit.Show(EndSession.Create(new EndSessionModel(
            visit, request.Client?.Name, request.IsSure,
            [.. Parameters.Select(name => (name, parameters[name]!)).Where(field => field.Item2 is not null)])));
    }

    private static async Task<IResult> EndAsync(
        Visit visit, EndSignIn endSignIn, AuthMesh.Identity.Sessions.EndSession endSession, IOptions<AuthMeshOptions> mesh,
        CancellationToken cancellationToken)
    {
        var parameters = await ProtocolParameters.ReadFormOrNullAsync(visit.Context.Request);
        if (parameters is not { Fault: null })
        {
            return AuthorizePage.Refuse(visit, "authorize.unreadable");
        }

        if (!PageGuard.IsOfOurPage(visit.Context.Request.Headers, mesh.Value.OriginOfPages))
        {
            return Visit.To($"{Path}?{parameters.ToQuery()}"); // with the cookies that another site's form does not bring
        }

        if (await endSignIn.ReadAsync(parameters, visit.Context.User, cancellationToken) is not { } request)
        {
            return AuthorizePage.Refuse(visit, "authorize.unknown-address");
        }

        if (Caller.Find(visit.Context.User) is { } caller)
        {
            await endSession.RunAsync(caller.SessionId.ToString(), visit.Context, cancellationToken);
        }

        return request.LeadsTo is { } address ? ReturnPage.Show(visit, address) : Visit.To(SignInPage.Path, "signed-out");
    }
}
