using System.Collections.Concurrent;

namespace Notes;

/// <summary>What a user sends.</summary>
public sealed record NewNote(string Text);

/// <param name="Owner">The user's id, never the name: a name can go to somebody else.</param>
/// <param name="Text">What the user wrote.</param>
public sealed record Note(string Owner, string Text);

/// <summary>Everybody's notes, until the service stops.</summary>
public sealed class Notebook
{
    private readonly ConcurrentQueue<Note> notes = new();

    public IReadOnlyList<Note> All => [.. notes];

    public IReadOnlyList<Note> Of(string owner) => [.. notes.Where(note => note.Owner == owner)];

    public Note Add(string owner, string text)
    {
        var note = new Note(owner, text);
        notes.Enqueue(note);
        return note;
    }

    public int RemoveAll(string owner)
    {
        var kept = notes.Where(note => note.Owner != owner).ToList();
        var removed = notes.Count - kept.Count;
        notes.Clear();
        kept.ForEach(notes.Enqueue);
        return removed;
    }
}
