using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

public sealed record SessionsModel(Visit Visit, Form Form, IReadOnlyList<SessionResponse> Sessions) : PageModel(Visit, Form)
{
    public override string Title => "sessions.title";

    public override Section Section => Section.Sessions;

    public override IReadOnlyList<string> Scripts => ["times.js"];
}

internal static class SessionsPage
{
    private const string Path = "/me/sessions";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, EndAsync);
    }

    private static Task<IResult> ShowAsync(Visit visit, ListSessions listSessions, CancellationToken cancellationToken) =>
        RenderAsync(visit, Form.Empty, listSessions, cancellationToken);

    // The field holds a session's id. Without it, all other sessions end.
    private static async Task<IResult> EndAsync(
        Visit visit, ListSessions listSessions, EndSession endSession, EndOtherSessions endOtherSessions,
        CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync("session");
        if (form.IsFine)
        {
            INestedHttpResult answer = form["session"] is { } id
                ? await endSession.RunAsync(id, visit.Context, cancellationToken)
                : await endOtherSessions.RunAsync(visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(Path, form["session"] is null ? "other-sessions" : "session");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return await RenderAsync(visit, form, listSessions, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, ListSessions listSessions, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        return (await listSessions.RunAsync(visit.Context.User, cancellationToken)).Result is Ok<SessionsResponse> { Value: { } sessions }
            ? visit.Show(Sessions.Create(new SessionsModel(visit, form, sessions.Sessions)))
            : visit.ToSignIn();
    }
}
